import * as v from 'valibot';

/** Strings by name. Valibot's own record leaves out names such as `constructor`, which are names like any other here. */
export const STRING_MAP = v.custom<Readonly<Record<string, string>>>(
  (value) =>
    typeof value === 'object' &&
    value !== null &&
    !Array.isArray(value) &&
    Object.values(value).every((entry) => typeof entry === 'string'),
  'Expected strings by name',
);
