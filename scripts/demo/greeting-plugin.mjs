/** A complete plug-in: takes documents of the form `{ "greet": ["Ada", "Grace"] }` and greets each name. */
export default {
  name: 'greeting',
  accepts: (document) => Array.isArray(document?.greet),
  run: async ({ job, signal, log, reportProgress }) => {
    const names = job.document.greet;
    for (const [index, name] of names.entries()) {
      signal.throwIfAborted();
      log.info({ jobId: job.jobId }, `Hello, ${name}!`);
      reportProgress({ greeted: `${index + 1} of ${names.length}` });
      await new Promise((resolve) => setTimeout(resolve, 400));
    }
    return { status: 'SUCCEEDED', statusDetails: { greeted: `${names.length} of ${names.length}` } };
  },
};
