// What tests make, handlers and plug-ins among it, can be written by nobody else: the agent would refuse them.
process.umask(0o022);
