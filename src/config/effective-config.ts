// The configuration that holds: options before variables before the file before defaults.

import { AgentError, UsageError } from '../core/errors.ts'
import type { Environment } from '../core/setting-facts.ts'
import { type AgentCatalog, type AgentConfig, parseAgentDocument } from './agent-config.ts'
import type { ConfigText } from './config-file.ts'
import { Overlay } from './overlay.ts'
import type { Said } from './setting-values.ts'
import type { Setting } from './settings.ts'
import { readYaml } from './yaml-document.ts'

export interface EffectiveConfigRequest<Built, Context> {
  readonly source: ConfigText
  readonly catalog: AgentCatalog<Built, Context>
  /** Of that catalogue. */
  readonly settings: readonly Setting[]
  readonly said: readonly Said[]
  readonly environment: Environment
}

export interface EffectiveConfig<Built, Context> {
  readonly config: AgentConfig<Built, Context>
  /** What the schemas were given. */
  readonly overlay: Overlay
  /** For consumers: without variables that something nearer overrules. */
  readonly environment: Environment
  /** Consumers that are not wanted, whoever else asks for them. */
  readonly switchedOff: readonly string[]
  readonly notices: readonly string[]
}

/**
 * @throws AgentError `CONFIG.INVALID` as `parseAgentConfig`
 * @throws UsageError where an option or a variable of a setting is wrong
 */
export function effectiveConfig<Built, Context>(
  request: EffectiveConfigRequest<Built, Context>,
): EffectiveConfig<Built, Context> {
  const { source, catalog, settings, said, environment } = request
  const overlay = new Overlay(source.document ?? readYaml(source.text, source.file), {
    settings,
    said,
    environment,
  })
  const unsaid = [...overlay.overruled, ...settings.map(({ variable }) => variable)]
  return {
    config: checked(overlay, catalog),
    overlay,
    environment: Object.fromEntries(Object.entries(environment).filter(([name]) => !unsaid.includes(name))),
    switchedOff: overlay.switchedOff,
    notices: overlay.notices,
  }
}

function checked<Built, Context>(
  overlay: Overlay,
  catalog: AgentCatalog<Built, Context>,
): AgentConfig<Built, Context> {
  try {
    return parseAgentDocument(overlay, catalog)
  } catch (error) {
    // Problems of the file begin with its name.
    if (error instanceof AgentError && /^(--|SONDE_)/m.test(error.message))
      throw new UsageError(error.message)
    throw error
  }
}
