// The labels of samples.

import type { StringTable } from 'pprof-format'
import type { Row } from '../profile/row-table.ts'
import type { PprofContent } from './location-tables.ts'
import { ProtoWriter } from './proto-writer.ts'

const SAMPLE = { label: 3 } as const
const LABEL = { key: 1, str: 2, num: 3 } as const

/** Names are the ones that the kernel knew at the time. */
export class LabelWriter {
  readonly #content: PprofContent
  readonly #strings: StringTable
  readonly #label = new ProtoWriter()
  readonly #texts = new Map<number, number>()
  /** A thread's labels hardly ever change. */
  readonly #ofThread = new Map<number, { readonly row: Row; readonly labels: ProtoWriter }>()
  /** By CPU. */
  readonly #ofCpu: (ProtoWriter | undefined)[] = []
  readonly #ofStack = new ProtoWriter()

  constructor(content: PprofContent, strings: StringTable) {
    this.#content = content
    this.#strings = strings
  }

  /** Why the samples to come are incomplete; '' where they are not. */
  setReason(reason: string): void {
    this.#ofStack.clear()
    this.#text(this.#ofStack, 'incomplete', this.#strings.dedup(reason))
  }

  write(sample: ProtoWriter, row: Row): void {
    sample.append(this.#threadLabels(row))
    if (row.cpu > 0) sample.append(this.#cpuLabel(row.cpu - 1))
    sample.append(this.#ofStack)
  }

  #threadLabels(row: Row): ProtoWriter {
    const known = this.#ofThread.get(row.tid)
    if (known !== undefined && isSameThread(known.row, row)) return known.labels
    const { labels: names } = this.#content.dialect
    const labels = new ProtoWriter()
    this.#id(labels, names.process, row.pid)
    this.#id(labels, names.thread, row.tid)
    this.#text(labels, 'thread name', this.#known(row.comm))
    this.#text(labels, 'process name', this.#processName(row))
    this.#text(labels, names.container, this.#container(row))
    if (names.cgroup !== '') this.#text(labels, names.cgroup, this.#known(row.cgroup))
    this.#ofThread.set(row.tid, { row, labels })
    return labels
  }

  #cpuLabel(cpu: number): ProtoWriter {
    const known = this.#ofCpu[cpu]
    if (known !== undefined) return known
    const label = new ProtoWriter()
    this.#id(label, this.#content.dialect.labels.cpu, cpu)
    this.#ofCpu[cpu] = label
    return label
  }

  #processName({ processName, resource }: Row): number {
    const { dialect, profile } = this.#content
    const program =
      dialect.processName === 'executable' ? (profile.resources[resource]?.executableName ?? '') : ''
    return program === '' ? this.#known(processName) : this.#strings.dedup(program)
  }

  #container({ resource }: Row): number {
    const { dialect, profile } = this.#content
    if (dialect.labels.container === '') return 0
    return this.#strings.dedup(profile.resources[resource]?.containerId ?? '')
  }

  /** From the dictionary's number of a string to the string table's. */
  #known(text: number): number {
    const known = this.#texts.get(text)
    if (known !== undefined) return known
    const index = this.#strings.dedup(this.#content.profile.dictionary.string(text))
    this.#texts.set(text, index)
    return index
  }

  #id(labels: ProtoWriter, key: string, value: number): void {
    const isText = this.#content.dialect.ids === 'texts'
    if (isText) this.#text(labels, key, this.#strings.dedup(String(value)))
    else this.#field(labels, key, { field: LABEL.num, value })
  }

  #text(labels: ProtoWriter, key: string, index: number): void {
    if (index !== 0) this.#field(labels, key, { field: LABEL.str, value: index })
  }

  #field(
    labels: ProtoWriter,
    key: string,
    { field, value }: { readonly field: number; readonly value: number },
  ): void {
    this.#label.clear()
    this.#label.varintField(LABEL.key, this.#strings.dedup(key))
    this.#label.varintField(field, value)
    labels.bytesField(SAMPLE.label, this.#label)
  }
}

const isSameThread = (a: Row, b: Row): boolean =>
  a.pid === b.pid &&
  a.comm === b.comm &&
  a.processName === b.processName &&
  a.resource === b.resource &&
  a.cgroup === b.cgroup
