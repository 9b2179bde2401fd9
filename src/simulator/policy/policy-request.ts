/** Who asks. */
export interface PolicyContext {
  readonly certificateId: string;
  /** The client id of the MQTT connection; absent over HTTPS. */
  readonly clientId?: string | undefined;
  /** Things to which the certificate is attached. */
  readonly attachedThings: readonly string[];
  /** Attributes of the connection's thing, for `${iot:Connection.Thing.Attributes[name]}`. */
  readonly thingAttributes?: Readonly<Record<string, string>> | undefined;
  /** For `${iot:Certificate.Subject.…}`, as AWS names the fields (CommonName, Organization, …). */
  readonly certificateSubject?: CertificateFields | undefined;
  /** For `${iot:Certificate.Issuer.…}`. */
  readonly certificateIssuer?: CertificateFields | undefined;
}

/** A field may have several values. */
export type CertificateFields = Readonly<Record<string, string | readonly string[]>>;

/** What is asked for. */
export interface PolicyRequest {
  /** `iot:Publish`, … */
  readonly action: string;
  /** An ARN. */
  readonly resource: string;
  /** Condition context keys, such as iot:LastWillTopic (an ARN) or iot:ConnectAttributes (a list). */
  readonly conditions?: Readonly<Record<string, string | readonly string[]>> | undefined;
}
