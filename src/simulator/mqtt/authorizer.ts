/** A connection, as policies see it. */
export interface Session {
  readonly certificateId: string;
  readonly clientId: string;
}

/** What a CONNECT asks for besides the connection (condition key iot:ConnectAttributes). */
export interface ConnectFeatures {
  readonly persistent: boolean;
  readonly willTopic?: string;
}

/** What a client may do, by iot:Connect, iot:Publish with iot:RetainPublish, iot:Subscribe and iot:Receive. */
export interface Authorizer {
  connect(session: Session, features: ConnectFeatures): boolean;
  publish(session: Session, topic: string, retain: boolean): boolean;
  subscribe(session: Session, filter: string): boolean;
  receive(session: Session, topic: string): boolean;
}
