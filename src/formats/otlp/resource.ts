import type { Writer } from 'protobufjs/minimal.js'
import type { OtlpEncoding } from '../../core/otlp-encoding.ts'
import { ANY_VALUE, KEY_VALUE, RESOURCE, writeElement, writeMessage, writeString } from './fields.ts'
import type { ResourceGroup } from './groups.ts'

type Attribute = readonly [key: string, value: string | number]

/**
 * Keys and values stand in the resource itself: references into the dictionary are newer than most readers, and Pyroscope and
 * Parca do not follow them.
 */
export function writeResource(writer: Writer, group: ResourceGroup, encoding: OtlpEncoding): void {
  for (const [key, value] of attributesOf(group, encoding)) {
    writeMessage(writer, RESOURCE.attributes, (attribute) => {
      writeString(attribute, KEY_VALUE.key, key)
      writeMessage(attribute, KEY_VALUE.value, (any) => {
        if (typeof value === 'string') writeElement(any, ANY_VALUE.string, value)
        else any.uint32(ANY_VALUE.int << 3).int64(value)
      })
    })
  }
}

function attributesOf({ resource, pid }: ResourceGroup, encoding: OtlpEncoding): readonly Attribute[] {
  const own: readonly Attribute[] = [
    ['service.name', resource.service.name],
    ...(pid === undefined
      ? []
      : [['process.pid', encoding.attributeValues === 'typed' ? pid : String(pid)] as const]),
    ...(pid === undefined ? [] : textual('process.executable.name', resource.executableName)),
    ...(pid === undefined ? [] : textual('process.executable.path', resource.executablePath)),
    ...textual('container.id', resource.containerId),
    ...(pid === undefined ? [] : textual('process.linux.cgroup', resource.cgroupPath)),
  ]
  const taken = new Set(own.map(([key]) => key))
  const shared = Object.entries(encoding.resourceAttributes).filter(([key]) => !taken.has(key))
  return [...own, ...shared]
}

const textual = (key: string, value: string): readonly Attribute[] => (value === '' ? [] : [[key, value]])
