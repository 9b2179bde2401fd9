import * as v from 'valibot';
import { invalidRequest, notFound } from '../registry/refusals.ts';
import type { Handlers } from './call.ts';
import { required } from './call.ts';
import { operation } from './checked-operation.ts';
import type { ControlPlane } from './control-plane.ts';
import { TAGS, TEXT } from './shapes.ts';

/** What belongs to the account as a whole: endpoints, event configurations, tags (AWS IoT API reference). */
export function accountOperations(front: ControlPlane): Handlers {
  const { events, tags } = front.registry;
  return {
    DescribeEndpoint: operation({ query: ['endpointType'] }, (call) => {
      const type = call.query['endpointType'] ?? 'iot:Data';
      const endpointAddress = front.endpoint(type);
      if (endpointAddress) return { endpointAddress };
      throw invalidRequest(`endpointType: ${JSON.stringify(type)} is not simulated`);
    }),
    DescribeEventConfigurations: operation({}, () => events.describe()),
    UpdateEventConfigurations: operation(
      {
        body: {
          eventConfigurations: v.optional(
            v.record(v.string(), v.strictObject({ Enabled: v.optional(v.boolean()) })),
            {},
          ),
        },
      },
      (_call, { eventConfigurations }) => events.update(eventConfigurations),
    ),
    TagResource: operation({ body: { resourceArn: TEXT, tags: TAGS } }, (_call, { resourceArn, tags: added }) => {
      checkTaggable(front, resourceArn);
      tags.add(resourceArn, added);
    }),
    ListTagsForResource: operation({ query: ['resourceArn', 'nextToken'] }, (call) => {
      const arn = required(call.query['resourceArn'], 'resourceArn');
      if (call.query['nextToken'] !== undefined) throw invalidRequest('nextToken: is none of ours');
      checkTaggable(front, arn);
      // 50 at most: all come at once.
      return { tags: tags.list(arn) };
    }),
  };
}

/** Which resources can have tags: developer guide, "Tagging your AWS IoT resources"; things cannot. */
function checkTaggable({ registry, jobResourceExists }: ControlPlane, arn: string): void {
  const prefix = `arn:aws:iot:${registry.region}:${registry.accountId}:`;
  const [kind = '', name = ''] = arn.startsWith(prefix) ? arn.slice(prefix.length).split('/') : [];
  const exists: Readonly<Record<string, () => boolean>> = {
    thinggroup: () => registry.groups.exists(name),
    policy: () => registry.policies.exists(name),
    provisioningtemplate: () => registry.templates.exists(name),
    stream: () => registry.streams.exists(name),
    job: () => jobResourceExists?.(arn) ?? true,
    jobtemplate: () => jobResourceExists?.(arn) ?? true,
  };
  const check = Object.hasOwn(exists, kind) ? exists[kind] : undefined;
  if (!check) throw invalidRequest(`resourceArn: ${JSON.stringify(arn)} is no resource that can have tags`);
  if (!check()) throw notFound(`Resource ${arn} not found.`);
}
