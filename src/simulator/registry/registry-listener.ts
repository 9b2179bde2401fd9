/**
 * What the registry tells the rest of the simulator, each after the change is complete.
 *
 * A group's members are those of its child groups too, so a thing joins and leaves the ancestors of a group as well: each
 * group is told of once, and only when the thing's membership of it, direct or through a child, really began or ended.
 */
export interface RegistryListener {
  /** `before`: the groups that it was in, ancestors included. */
  thingJoined(thingName: string, groupName: string, before: readonly string[]): void;
  thingLeft(thingName: string, groupName: string): void;
  /** The thing is gone, from its groups too: `thingLeft` is not told for a deleted thing. */
  thingDeleted(thingName: string): void;
  /** The certificate has another status, or is gone. */
  certificateChanged(certificateId: string): void;
}
