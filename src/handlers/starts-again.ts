/**
 * The reason of a step's signal when the step is to be started once more: at the next start of an agent that stops, or
 * because it has tries left. What it has half done is of use then. With any other reason this was its last start.
 */
export class StartsAgain extends DOMException {
  constructor(message: string) {
    super(message, 'AbortError');
  }
}
