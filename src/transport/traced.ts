import type { Transport } from '../core/delivery.ts'
import { withSpan } from '../core/tracing.ts'

/** Every attempt is a span, and a trace of its own: a payload holds what several windows brought. */
export const tracedTransport = (inner: Transport): Transport => ({
  target: inner.target,
  close: () => inner.close(),
  send(payload, signal) {
    const { samples, profiles, body } = payload
    const counts = {
      'sonde.samples': samples,
      'sonde.profiles': profiles,
      'sonde.bytes': body.length,
    }
    return withSpan(
      'send',
      counts,
      async (span) => {
        const delivery = await inner.send(payload, signal)
        switch (delivery.outcome) {
          case 'accepted':
            span.count({ 'sonde.rejected_profiles': delivery.rejectedProfiles })
            break
          case 'retry':
          case 'refused':
            span.failed(delivery.reason)
            break
        }
        return delivery
      },
      { root: true },
    )
  },
})
