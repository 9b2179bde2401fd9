/** The control plane and the data plane of AWS IoT Jobs, by their signing names. */
export type ServiceName = 'iot' | 'iot-jobs-data';
