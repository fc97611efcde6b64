import type { Writer } from 'protobufjs/minimal.js'
import type { OtlpEncoding } from '../../core/otlp-encoding.ts'
import type { SessionProfile } from '../profile/profile-aggregate.ts'
import { AttributeTable } from './attribute-table.ts'
import {
  DICTIONARY,
  newWriter,
  REQUEST,
  RESOURCE_PROFILES,
  SCOPE,
  SCOPE_PROFILES,
  writeMessage,
  writeString,
} from './fields.ts'
import type { GroupedRows } from './groups.ts'
import { ProfileWriter } from './profile-writer.ts'
import type { OtlpMessage, OtlpTools } from './profiles.ts'
import { writeResource } from './resource.ts'
import { StackTables } from './stack-tables.ts'
import { StringTable } from './string-table.ts'

/** Of the attributes' names; a reader may translate them to later ones. */
const SCHEMA_URL = 'https://opentelemetry.io/schemas/1.37.0'

/** One request, with the dictionary that its profiles share. Used once. */
export class MessageWriter {
  readonly #profiles: readonly SessionProfile[]
  readonly #encoding: OtlpEncoding
  readonly #tools: OtlpTools
  readonly #strings = new StringTable()
  readonly #attributes: AttributeTable
  readonly #writer = newWriter()
  #samples = 0
  #written = 0

  constructor(profiles: readonly SessionProfile[], encoding: OtlpEncoding, tools: OtlpTools) {
    this.#profiles = profiles
    this.#encoding = encoding
    this.#tools = tools
    this.#attributes = new AttributeTable(this.#strings, encoding.attributeValues)
  }

  /** The rows [from, to). */
  write(rows: GroupedRows, from: number, to: number): OtlpMessage {
    const dictionary = this.#profiles[0]?.dictionary
    if (dictionary === undefined) throw new Error('a message needs a profile')
    const { functions } = this.#encoding
    const tables = { strings: this.#strings, attributes: this.#attributes, functions }
    const stacks = new StackTables(dictionary, this.#stacksOf(rows, from, to), tables)
    for (let begin = from; begin < to; ) {
      const end = endOfGroup(rows, begin, to)
      this.#writeResourceProfiles({ rows, begin, end }, stacks)
      begin = end
    }
    writeMessage(this.#writer, REQUEST.dictionary, (message) => {
      stacks.write(message)
      writeMessage(message, DICTIONARY.links, () => undefined)
      this.#attributes.write(message)
      this.#strings.write(message)
    })
    return { bytes: this.#writer.finish(), samples: this.#samples, profiles: this.#written }
  }

  #stacksOf({ session, row }: GroupedRows, from: number, to: number): Uint32Array {
    const stacks = new Uint32Array(to - from)
    for (let at = from; at < to; at++) {
      stacks[at - from] = (this.#profiles[session[at]!] as SessionProfile).rows.stackOf(row[at]!)
    }
    return stacks
  }

  #writeResourceProfiles({ rows, begin, end }: GroupRange, stacks: StackTables): void {
    const group = rows.groups[rows.group[begin]!]
    if (group === undefined) throw new RangeError('a row without a group')
    writeMessage(this.#writer, REQUEST.resourceProfiles, (message) => {
      writeMessage(message, RESOURCE_PROFILES.resource, (resource) =>
        writeResource(resource, group, this.#encoding),
      )
      writeMessage(message, RESOURCE_PROFILES.scopeProfiles, (scoped) =>
        this.#writeScopeProfiles(scoped, { rows, begin, end }, stacks),
      )
      writeString(message, RESOURCE_PROFILES.schemaUrl, SCHEMA_URL)
    })
  }

  #writeScopeProfiles(scoped: Writer, { rows, begin, end }: GroupRange, stacks: StackTables): void {
    const { name, version } = this.#encoding.scope
    writeMessage(scoped, SCOPE_PROFILES.scope, (scope) => {
      writeString(scope, SCOPE.name, name)
      writeString(scope, SCOPE.version, version)
    })
    const sharedPid = rows.groups[rows.group[begin]!]?.pid === undefined
    const tables = { strings: this.#strings, attributes: this.#attributes, stacks }
    for (let at = begin; at < end; ) {
      const session = rows.session[at]!
      let next = at
      while (next < end && rows.session[next] === session) next++
      const profile = this.#profiles[session] as SessionProfile
      const part = { profile, rows: rows.row.subarray(at, next), tellsPids: sharedPid }
      writeMessage(scoped, SCOPE_PROFILES.profiles, (message) => {
        this.#samples += new ProfileWriter(part, { ...tables, encoding: this.#encoding }).write(
          message,
          this.#tools,
        )
      })
      this.#written++
      at = next
    }
    writeString(scoped, SCOPE_PROFILES.schemaUrl, SCHEMA_URL)
  }
}

interface GroupRange {
  readonly rows: GroupedRows
  readonly begin: number
  readonly end: number
}

function endOfGroup({ group }: GroupedRows, begin: number, to: number): number {
  let end = begin
  while (end < to && group[end] === group[begin]) end++
  return end
}
