/**
 * Something with a life. `start` rejects when the component is not running afterwards, and then holds nothing.
 * `stop` is safe twice and without a start; it releases everything.
 */
export interface Component {
  readonly name: string
  start(): Promise<void>
  stop(): Promise<void>
}
