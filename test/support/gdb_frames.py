# Run by gdb: for each line "PID [FILE]" of standard input, one line of JSON: the program counters of all frames of all
# threads of the process, as gdb finds them. FILE: the same program with what was stripped from it.
#
# gdb has no way through code that is made at run time, nor through V8's builtins, which no CFI describes: it guesses
# from the stack pointer and goes astray. There it is told to follow the frame pointer, which that code keeps.

import json
import os
import re
import sys

import gdb
from gdb.unwinder import Unwinder


class FrameId:
    def __init__(self, sp, pc):
        self.sp = sp
        self.pc = pc


class ByFramePointer(Unwinder):
    def __init__(self):
        super().__init__("by-frame-pointer")
        self.sections = []

    def begin(self):
        """Reads which addresses belong to sections of files: all other code is made at run time, or was copied."""
        sections = gdb.execute("info files", to_string=True)
        self.sections = [
            (int(start, 16), int(end, 16)) for start, end in re.findall(r"(0x[0-9a-f]+) - (0x[0-9a-f]+) is ", sections)
        ]
        gdb.execute("maintenance flush register-cache", to_string=True)

    def is_without_cfi(self, pc):
        if not self.sections:  # gdb has looked at a frame while it attached
            return False
        if not any(start <= pc < end for start, end in self.sections):
            return True
        return gdb.execute(f"info symbol {pc:#x}", to_string=True).startswith("Builtins_")

    def read(self, address):
        memory = gdb.selected_inferior().read_memory(address, 8)
        return int.from_bytes(memory.tobytes(), "little")

    def __call__(self, pending):
        pc = int(pending.read_register("rip"))
        if not self.is_without_cfi(pc):
            return None
        frame = int(pending.read_register("rbp"))
        if frame < int(pending.read_register("rsp")):
            return None
        try:
            saved, back = self.read(frame), self.read(frame + 8)
        except gdb.MemoryError:
            return None
        info = pending.create_unwind_info(FrameId(gdb.Value(frame + 16), gdb.Value(pc)))
        for register, value in (("rip", back), ("rsp", frame + 16), ("rbp", saved)):
            info.add_saved_register(register, gdb.Value(value).cast(gdb.lookup_type("unsigned long")))
        return info


def frames_of(thread):
    thread.switch()
    frames, stop, sp = [], "", 0
    try:
        frame = gdb.newest_frame()
        sp = int(frame.read_register("sp")) & (1 << 64) - 1
        while frame is not None and len(frames) < 2000:
            if frame.type() not in (gdb.INLINE_FRAME, gdb.TAILCALL_FRAME):
                frames.append(f"{frame.pc():x}")
            older = frame.older()
            if older is None:
                stop = gdb.frame_stop_reason_string(frame.unwind_stop_reason())
            frame = older
    except gdb.error as error:
        stop = str(error)
    return {"tid": thread.ptid[1], "sp": f"{sp:x}", "stop": stop, "frames": frames}


def answer(pid, file):
    if file:
        gdb.execute(f"file {file}", to_string=True)
    gdb.execute(f"attach {pid}", to_string=True)
    try:
        by_frame_pointer.begin()
        threads = sorted(gdb.selected_inferior().threads(), key=lambda thread: thread.num)
        return {"pid": pid, "threads": [frames_of(thread) for thread in threads]}
    finally:
        by_frame_pointer.sections = []
        gdb.execute("detach", to_string=True)


for setting in (
    "pagination off",
    "confirm off",
    "backtrace past-main on",
    "backtrace past-entry on",
    "auto-load off",
    "debuginfod enabled off",
    "print thread-events off",
    "exec-file-mismatch off",
    # It keeps what it read at the last stop of the same process.
    "stack-cache off",
    "code-cache off",
):
    gdb.execute(f"set {setting}", to_string=True)
by_frame_pointer = ByFramePointer()
gdb.unwinder.register_unwinder(None, by_frame_pointer, replace=True)

for line in sys.stdin:
    pid, _, file = line.strip().partition(" ")
    try:
        text = json.dumps(answer(int(pid), file))
    except Exception as error:  # whatever gdb says, the caller has to hear of it
        text = json.dumps({"pid": int(pid), "error": str(error)})
    os.write(1, f"\n{text}\n".encode())
