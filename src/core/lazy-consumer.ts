import type { ConsumerOutcome, ProfileConsumer } from './consumer.ts'

const NOTHING_YET: ConsumerOutcome = { bytes: 0, written: 0, files: [], lost: {} }

/**
 * A profile consumer whose code is loaded when it starts: whoever reads a configuration knows every consumer's schema, and
 * need not hold protocols that nobody speaks. What is wrong with its options is said by `start`.
 */
export function lazyConsumer(
  { name, wantsResources }: Pick<ProfileConsumer, 'name'> & { readonly wantsResources: boolean },
  open: () => Promise<ProfileConsumer>,
): ProfileConsumer {
  let inner: ProfileConsumer | undefined
  return {
    name,
    wantsResources,
    async start() {
      inner ??= await open()
      await inner.start()
    },
    async stop() {
      await inner?.stop()
    },
    async consumeProfiles(batch, signal) {
      if (inner === undefined) throw new Error(`${name} was not started`)
      await inner.consumeProfiles(batch, signal)
    },
    outcome: () => inner?.outcome() ?? NOTHING_YET,
  }
}
