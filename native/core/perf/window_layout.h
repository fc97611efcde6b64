#pragma once

#include <cstdint>

/// The window buffer: one little-endian buffer per window, which JavaScript reads in place. src/core/window-layout.ts
/// says the same in TypeScript and explains each section; a test compares the two.
namespace sonde::layout {

inline constexpr uint32_t kMagic = 0x314e5753;
inline constexpr uint32_t kVersion = 1;
inline constexpr uint32_t kHeaderBytes = 16;
inline constexpr uint32_t kSectionBytes = 24;
/// The session of a section that belongs to all sessions of the window.
inline constexpr uint32_t kShared = 0xffffffff;

struct Section {
  uint32_t kind;
  uint32_t width;  ///< bytes per element
};

inline constexpr Section kWindow{1, 8};
inline constexpr Section kStringOffsets{2, 4};
inline constexpr Section kStringBytes{3, 1};

inline constexpr Section kStackOffsets{10, 4};
inline constexpr Section kStackFrames{11, 4};
inline constexpr Section kStackState{12, 1};

inline constexpr Section kFrameKind{20, 1};
inline constexpr Section kFrameFlags{21, 1};
inline constexpr Section kFrameMapping{22, 4};
inline constexpr Section kFrameAddress{23, 8};
inline constexpr Section kInterpreted{24, 4};
inline constexpr Section kFrameFunction{25, 4};
inline constexpr Section kInlinedInto{26, 4};

inline constexpr Section kImageKind{30, 1};
inline constexpr Section kImagePath{31, 4};
inline constexpr Section kImageBuildId{32, 4};
inline constexpr Section kImageDevice{33, 8};
inline constexpr Section kImageInode{34, 8};
inline constexpr Section kImageRuntime{35, 1};
inline constexpr Section kImageGoBuildId{36, 4};
inline constexpr Section kImageContentHash{37, 4};

inline constexpr Section kMappingPid{40, 4};
inline constexpr Section kMappingImage{41, 4};
inline constexpr Section kMappingStart{42, 8};
inline constexpr Section kMappingEnd{43, 8};
inline constexpr Section kMappingFileOffset{44, 8};
inline constexpr Section kMappingBias{45, 8};
inline constexpr Section kMappingSpace{46, 1};
inline constexpr Section kMappingProtection{47, 4};
inline constexpr Section kMappingFlags{48, 4};

inline constexpr Section kEventKind{50, 1};
inline constexpr Section kEventFlags{51, 1};
inline constexpr Section kEventTime{52, 8};
inline constexpr Section kEventPid{53, 4};
inline constexpr Section kEventTid{54, 4};
inline constexpr Section kEventA{55, 4};
inline constexpr Section kEventB{56, 4};

inline constexpr Section kKernelSymbolKind{80, 1};
inline constexpr Section kKernelSymbolFlags{81, 1};
inline constexpr Section kKernelSymbolTime{82, 8};
inline constexpr Section kKernelSymbolStart{83, 8};
inline constexpr Section kKernelSymbolLength{84, 4};
inline constexpr Section kKernelSymbolName{85, 4};

inline constexpr Section kSampleTime{60, 8};
inline constexpr Section kSamplePid{61, 4};
inline constexpr Section kSampleTid{62, 4};
inline constexpr Section kSampleCpu{63, 4};
inline constexpr Section kSampleStack{64, 4};
inline constexpr Section kSampleValue{65, 8};
inline constexpr Section kSampleComm{66, 4};
inline constexpr Section kSampleCgroup{67, 8};

inline constexpr Section kCgroupId{90, 8};
inline constexpr Section kCgroupPath{91, 4};

inline constexpr Section kLosses{70, 8};
inline constexpr Section kLeftOut{75, 8};
inline constexpr Section kNoticeKind{71, 1};
inline constexpr Section kNoticeTime{72, 8};
inline constexpr Section kNoticeCpu{73, 4};
inline constexpr Section kNoticeCount{74, 8};

}  // namespace sonde::layout

namespace sonde {

// The codes below are places in the lists of src/core: the same test compares them.

/// LOSS_REASONS: why a sample that was due did not arrive.
enum class LossReason : uint8_t {
  kRingFull,
  kThrottled,
  kMissed,
  kMalformed,
  kTableFull,
  kContended,
  kCaptureFailed
};
inline constexpr uint32_t kLossReasons = 7;

/// LEFT_OUT_REASONS: why a sample was not wanted.
enum class LeftOutReason : uint8_t { kFiltered, kSampledOut, kOverlap };
inline constexpr uint32_t kLeftOutReasons = 3;

/// STACK_STATES. kKernel: without a user part.
enum class StackState : uint8_t { kComplete, kUnverified, kBroken, kKernel };

/// FRAME_KINDS
enum class FrameKind : uint8_t { kNative, kKernel, kInterpreted, kReason };

/// IMAGE_KINDS
enum class ImageKind : uint8_t { kFile, kVdso, kAnonymous, kUnknown };

/// IMAGE_RUNTIMES
enum class ImageRuntime : uint8_t { kUnknown, kGo };

/// ADDRESS_SPACES
enum class AddressSpaceKind : uint8_t { kSvma, kFileOffset, kAvma };

/// PROCESS_EVENT_KINDS
enum class ProcessEventKind : uint8_t { kComm, kMmap, kFork, kExit };

/// KERNEL_SYMBOL_KINDS
enum class KernelSymbolKind : uint8_t { kOther, kBpf, kOutOfLine };

/// NOTICE_KINDS
enum class NoticeKind : uint8_t { kLost, kThrottle, kUnthrottle };

}  // namespace sonde
