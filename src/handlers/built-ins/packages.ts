import { type BuiltIn, defineBuiltIn } from './built-in.ts';
import { PackageNamesInput, PackagesInput, wordsOf } from './name-lists.ts';
import type { PackageWork } from './package-work.ts';

/** The four built-ins about packages; what they run is loaded when the first of them runs. */
export function createPackageBuiltIns(): readonly BuiltIn[] {
  return [
    packageBuiltIn('installPackages', 'install-packages.sh', PackagesInput, 'install'),
    packageBuiltIn('removePackages', 'remove-packages.sh', PackageNamesInput, 'remove'),
    packageBuiltIn('verifyPackagesInstalled', 'verify-packages-installed.sh', PackagesInput, 'verifyInstalled'),
    packageBuiltIn('verifyPackagesRemoved', 'verify-packages-removed.sh', PackageNamesInput, 'verifyRemoved'),
  ];
}

function packageBuiltIn(action: string, script: string, input: typeof PackagesInput, work: PackageWork): BuiltIn {
  return defineBuiltIn({
    action,
    script,
    input,
    fromArguments: (args) => ({ packages: wordsOf(args) }),
    async run({ packages }, context) {
      const { workOnPackages } = await import('./package-work.ts');
      return workOnPackages(work, packages, context);
    },
  });
}
