// spec.serviceNameRules and spec.serviceNameDefault: how services are named.

import * as z from 'zod'
import { cleanServiceName, DEFAULT_SERVICE_POLICY, MAX_SERVICE_NAME_LENGTH } from '../core/service-policy.ts'

const patternSchema = z.string().min(1, 'expected a pattern; * matches everything')

const nameSchema = z
  .string()
  .refine(
    (name) => name !== '' && cleanServiceName(name) === name,
    `expected 1 to ${MAX_SERVICE_NAME_LENGTH} printable characters, without spaces around them`,
  )

const environmentSchema = z
  .record(z.string().regex(/^[^=\0]+$/, 'expected the name of a variable'), patternSchema)
  .refine((variables) => Object.keys(variables).length > 0, 'expected NAME: pattern')

const matchSchema = z
  .strictObject({
    executable: patternSchema.optional(),
    commandLine: patternSchema.optional(),
    cgroup: patternSchema.optional(),
    environment: environmentSchema.optional(),
  })
  .refine(
    (match) => Object.values(match).some((pattern) => pattern !== undefined),
    'at least one of executable, commandLine, cgroup, environment is needed',
  )

/** ServicePolicy.rules, as documents spell it. */
export const serviceNameRulesSchema = z
  .array(z.strictObject({ match: matchSchema, serviceName: nameSchema }), 'expected a list of rules')
  .default([...DEFAULT_SERVICE_POLICY.rules])
  .describe(
    'Names of services by executable, command line, cgroup and environment; the first rule that matches holds',
  )

/** ServicePolicy.defaultName, as documents spell it. */
export const serviceNameDefaultSchema = nameSchema
  .default(DEFAULT_SERVICE_POLICY.defaultName)
  .describe('The service of what names none')
