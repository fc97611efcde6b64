# Run by gdb-multiarch with a program under qemu-aarch64: writes the thread where it stands as a recorded snapshot, with
# gdb's frames (test/fixtures/snapshots/README.md).
#
#   gdb-multiarch -nx -batch -ex 'python arguments = (PROGRAM, PORT, FUNCTION, HITS, STEPS, OUTPUT)' -x record_aarch64.py

import subprocess

import gdb

program, port, function, hits, steps, output = arguments  # noqa: F821


def frames_of_gdb():
    frame = gdb.newest_frame()
    while frame is not None:
        if frame.type() not in (gdb.INLINE_FRAME, gdb.TAILCALL_FRAME):
            yield frame
        frame = frame.older()


def stack_from(address):
    for size in (1 << 16, 1 << 14, 1 << 13, 1 << 12, 1 << 11, 1 << 10):
        try:
            return gdb.selected_inferior().read_memory(address, size).tobytes()
        except gdb.MemoryError:
            continue
    return b""


def eh_frame_of(path):
    lines = subprocess.run(["readelf", "-SW", path], capture_output=True, text=True, check=True).stdout.splitlines()
    words = next(line.split("]", 1)[1].split() for line in lines if " .eh_frame " in line)
    address, offset, size = (int(word, 16) for word in words[2:5])
    with open(path, "rb") as file:
        file.seek(offset)
        return address, file.read(size)


for command in (
    "set pagination off",
    "set confirm off",
    "set backtrace past-main on",
    "set backtrace past-entry on",
    f"file {program}",
    f"target remote :{port}",
    "handle SIGALRM nostop noprint pass",
    f"break {function}",
):
    gdb.execute(command, to_string=True)
for _ in range(hits):
    gdb.execute("continue", to_string=True)
gdb.execute("delete", to_string=True)
if steps > 0:
    gdb.execute(f"stepi {steps}", to_string=True)

newest = gdb.newest_frame()
names = [f"x{number}" for number in range(31)] + ["sp", "pc"]
registers = [int(newest.read_register(name)) & (1 << 64) - 1 for name in names]
frames = list(frames_of_gdb())
section, rows = eh_frame_of(program)
with open(output, "w", encoding="ascii") as file:
    print("machine aarch64", file=file)
    print(f"instruction {registers[32]:x}", file=file)
    for number, value in enumerate(registers):
        print(f"register {number} {value:x}", file=file)
    print(f"stack\n  {stack_from(registers[31]).hex()}", file=file)
    # Static, and not position-independent: addresses are the file's own.
    print(f"file {program.rsplit('/', 1)[-1]} 400000 600000 0 {section:x}\n  {rows.hex()}", file=file)
    for frame in frames:
        if frame.type() == gdb.SIGTRAMP_FRAME:
            print(f"signal-return {frame.pc():x}", file=file)
    for frame in frames:
        print(f"frame {frame.pc():x}", file=file)
gdb.execute("kill", to_string=True)
