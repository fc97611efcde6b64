# The fuzz targets, one for each *_fuzzer.cc here. Included by native/CMakeLists.txt in two builds:
#
#   SONDE_SANITIZE   one program replays the corpus and mutates it a little; ctest runs it once for each target
#   SONDE_FUZZ       clang's libFuzzer, a program for each target: scripts/fuzz.sh

file(GLOB FUZZERS CONFIGURE_DEPENDS "${ROOT}/test/native/fuzz/*_fuzzer.cc")
set(FUZZ_CORPUS "${ROOT}/test/native/fuzz/corpus")

function(fuzz_program name)
  add_executable(${name} ${ARGN})
  target_include_directories(${name} PRIVATE "${ROOT}/test/native")
  target_link_libraries(${name} PRIVATE sonde_core sonde_flags)
endfunction()

if(SONDE_FUZZ)
  foreach(source IN LISTS FUZZERS)
    get_filename_component(target "${source}" NAME_WE)
    fuzz_program(${target} "${source}")
    target_link_options(${target} PRIVATE -fsanitize=fuzzer)
  endforeach()
  fuzz_program(fuzz_seeds "${ROOT}/test/native/fuzz/seeds/make_seeds.cc")
else()
  fuzz_program(sonde_fuzz_bounded "${ROOT}/test/native/fuzz/bounded_run.cc" ${FUZZERS})
  foreach(source IN LISTS FUZZERS)
    get_filename_component(target "${source}" NAME_WE)
    # All of them in one program: each under its own name, which bounded_run.cc lists.
    set_source_files_properties("${source}" PROPERTIES COMPILE_DEFINITIONS "LLVMFuzzerTestOneInput=${target}")
    string(REGEX REPLACE "_fuzzer$" "" name "${target}")
    add_test(NAME "Fuzz.${name}" COMMAND sonde_fuzz_bounded ${name} "${FUZZ_CORPUS}/${name}")
    set_tests_properties("Fuzz.${name}" PROPERTIES TIMEOUT 120)
  endforeach()
endif()
