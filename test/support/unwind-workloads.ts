// The programs whose stacks are held against gdb's, and live against their roots: test/workloads/unwind, built in many ways.

import { execFileSync } from 'node:child_process'
import { createHash } from 'node:crypto'
import { made, workloadSource } from './workload.ts'

export interface UnwindWorkload {
  readonly name: string
  /** Programs that have to be on the machine. */
  readonly needs: readonly string[]
  /** The command that runs it for so many seconds. Builds what it needs. */
  readonly command: (seconds: number) => readonly string[]
  /** The same program with symbols and CFI, for gdb, where those are stripped. */
  readonly unstripped?: () => string
  /** How its stacks may end early, as the snapshot tool says it; `… in FILE` where only there. */
  readonly mayEnd?: readonly string[]
}

const withoutFramePointers = ['-O2', '-g', '-fomit-frame-pointer']
const withFramePointers = ['-O2', '-g', '-fno-omit-frame-pointer']

/** A build by gcc or g++; of a name of its own for each set of flags. */
function compiled(sourceName: string, flags: readonly string[], compiler = 'gcc'): string {
  const command = [compiler, ...flags, '-Wall', '-Werror', '-pthread'].join(' ')
  const mark = createHash('sha256').update(command).digest('hex').slice(0, 8)
  const name = `${sourceName.replaceAll('/', '-').replace(/\.\w+$/, '')}-${mark}`
  return made(name, sourceName, (source, program) => [...command.split(' '), '-o', program, source])
}

const native = (
  name: string,
  source: string,
  flags: readonly string[],
  options: {
    readonly compiler?: string
    readonly args?: readonly string[]
    readonly mayEnd?: readonly string[]
  } = {},
): UnwindWorkload => ({
  name,
  mayEnd: options.mayEnd ?? [],
  needs: [options.compiler ?? 'gcc'],
  command: (seconds) => [
    compiled(`unwind/${source}`, flags, options.compiler),
    String(seconds),
    ...(options.args ?? []),
  ],
})

const rust = (name: string, flags: readonly string[]): UnwindWorkload => ({
  name,
  needs: ['rustc'],
  command: (seconds) => [
    made(`unwind-${name.replaceAll(' ', '-')}`, 'unwind/mixed.rs', (source, program) => [
      ...['rustc', '--edition', '2021', ...flags, '-o', program, source],
    ]),
    String(seconds),
  ],
})

const goProgram = (name: string, flags: readonly string[]): string =>
  made(name, 'unwind/mixed.go', (source, program) => ['go', 'build', ...flags, '-o', program, source])
const plainGo = () => goProgram('unwind-go', [])

const javaClasses = (): string =>
  made('unwind-java/Busy.class', 'unwind/Busy.java', (source, program) => [
    ...['javac', '-d', program.replace(/\/[^/]*$/, ''), source],
  ]).replace(/\/[^/]*$/, '')

/** Threads of the collector that wait for one another spin in code without rows (SpinPause): more often, the busier the machine. */
const ONE_COLLECTOR = '-XX:ParallelGCThreads=1'

const java = (name: string, flags: readonly string[], mayEnd: readonly string[] = []): UnwindWorkload => ({
  name,
  mayEnd,
  needs: ['java', 'javac'],
  command: (seconds) => ['java', ONE_COLLECTOR, ...flags, '-cp', javaClasses(), 'Busy', String(seconds)],
})

/**
 * The interpreter itself: what a version manager puts in its place is a row of shells that exec. perf keeps the mappings of
 * the program before an exec, and takes the lowest of a library for where its rows are: it guesses then.
 */
const python = (): string =>
  execFileSync('python3', ['-c', 'import sys; print(sys.executable)'], { encoding: 'utf8' }).trim()

/** The program with random bytes where its unwind rows were. */
function garbage(): string {
  const whole = compiled('unwind/libc_heavy.c', withoutFramePointers)
  return made('unwind-garbage', 'unwind/libc_heavy.c', (_, program) => [
    'sh',
    '-c',
    `head -c 8192 /dev/urandom >"$2.bytes" &&
     objcopy --update-section .eh_frame="$2.bytes" --set-section-flags .eh_frame=alloc,readonly,contents "$1" "$2"`,
    'sh',
    whole,
    program,
  ])
}

const libcHeavy = {
  withFramePointers: native('C, frame pointers', 'libc_heavy.c', withFramePointers),
  without: native('C, no frame pointers', 'libc_heavy.c', withoutFramePointers),
}

/** By what they show. */
export const unwindWorkloads = {
  libcHeavyWithFramePointers: libcHeavy.withFramePointers,
  libcHeavy: libcHeavy.without,
  size: native('C, -Os', 'libc_heavy.c', ['-Os', '-g', '-fomit-frame-pointer']),
  noRows: native('C, no rows but frame pointers', 'libc_heavy.c', [
    ...['-O1', '-fno-asynchronous-unwind-tables', '-fno-unwind-tables', '-fno-omit-frame-pointer'],
    ...['-mno-omit-leaf-frame-pointer', '-g0'],
  ]),
  debugFrame: native('C, rows in .debug_frame', 'libc_heavy.c', [
    ...['-O2', '-fno-asynchronous-unwind-tables', '-fno-unwind-tables', '-fomit-frame-pointer', '-g'],
  ]),
  exceptions: native('C++ exceptions', 'exceptions.cc', withoutFramePointers, { compiler: 'g++' }),
  exceptionsStatic: native('C++ exceptions, static', 'exceptions.cc', [...withoutFramePointers, '-static'], {
    compiler: 'g++',
  }),
  threads: native('threads', 'threads.c', withoutFramePointers),
  signals: native('signal handler', 'signals.c', withoutFramePointers),
  signalsOtherStack: native('signal handler, sigaltstack', 'signals.c', withoutFramePointers, {
    args: ['other'],
    // Only one stack is captured.
    mayEnd: ['other-stack'],
  }),
  plt: native('PLT stubs', 'plt.c', [...withoutFramePointers, '-fno-builtin', '-fplt', '-Wl,-z,lazy'], {
    // What gcc adds to a library (__do_global_dtors_aux) has none, and runs when the library is closed.
    mayEnd: ['no-rows in libm.so.6'],
  }),
  recursion: native('recursion, 2000 deep', 'recursion.c', withoutFramePointers, {
    args: ['2000'],
    // Deeper than Sonde follows; gdb is asked for more.
    mayEnd: ['depth'],
  }),
  static: native('C, static', 'libc_heavy.c', [...withoutFramePointers, '-static']),
  spin: native('a loop twelve calls deep', 'spin.c', withoutFramePointers),
  vdso: native('vdso', 'vdso.c', withoutFramePointers),
  oddFrames: native('alloca, aligned stack', 'odd_frames.c', withoutFramePointers),
  clang: native('C by clang, no frame pointers', 'libc_heavy.c', withoutFramePointers, { compiler: 'clang' }),
  musl: native('musl', 'libc_heavy.c', withoutFramePointers, {
    compiler: 'musl-gcc',
    // Its libc.so has neither rows nor frame pointers.
    mayEnd: ['no-rows'],
  }),
  rust: rust('rust', ['-O', '-g']),
  rustFramePointers: rust('rust frame pointers', ['-O', '-C', 'force-frame-pointers=yes']),
  go: {
    name: 'Go',
    needs: ['go'],
    command: (seconds) => [plainGo(), String(seconds)],
    // The handler of the signals that preempt has a stack of its own.
    mayEnd: ['other-stack'],
  },
  goStripped: {
    name: 'Go, stripped',
    needs: ['go'],
    command: (seconds) => [goProgram('unwind-go-stripped', ['-ldflags=-s -w']), String(seconds)],
    unstripped: plainGo,
    mayEnd: ['other-stack'],
  },
  python: {
    name: 'Python',
    needs: ['python3'],
    command: (seconds) => [python(), workloadSource('unwind/extensions.py'), String(seconds)],
  },
  node: {
    name: 'Node.js',
    needs: [],
    command: (seconds) => [process.execPath, workloadSource('unwind/busy.cjs'), String(seconds)],
  },
  java: java('Java, frame pointers', ['-XX:+PreserveFramePointer']),
  javaWithoutFramePointers: java('Java', [], ['no-rows']),
  garbage: {
    name: 'garbage rows',
    needs: ['gcc', 'objcopy'],
    command: (seconds) => [garbage(), String(seconds)],
    mayEnd: ['unreadable-rows'],
  },
} as const satisfies Readonly<Record<string, UnwindWorkload>>
