/** What has to be given back, the newest first. */
export class Releases {
  readonly #onFailure: (error: unknown) => void
  readonly #actions: (() => unknown)[] = []

  constructor(onFailure: (error: unknown) => void) {
    this.#onFailure = onFailure
  }

  add(action: () => unknown): void {
    this.#actions.push(action)
  }

  /** One that fails does not keep the others. Safe twice. */
  async all(): Promise<void> {
    for (const action of this.#actions.splice(0).reverse()) {
      try {
        await action()
      } catch (error) {
        this.#onFailure(error)
      }
    }
  }
}
