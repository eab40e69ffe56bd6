/*
 * Loops that are worth a version for each kind of processor.
 *
 *   COMPILE_FOR("avx2")   before a function: GCC compiles it for these targets
 *                         and for any processor; which one runs is decided when
 *                         the program starts. Elsewhere it is compiled once
 *   UNROLL                before a loop of few, constant turns: sums kept in an
 *                         array over it are then in registers
 *   INLINED               a function that is compiled into each of the versions
 */
#ifndef BASE_CPU_PROCESSOR_H
#define BASE_CPU_PROCESSOR_H

#if defined(__x86_64__) && defined(__GLIBC__) && !defined(__clang__) && \
    !defined(__SANITIZE_ADDRESS__) && !defined(__SANITIZE_THREAD__)
#define COMPILE_FOR(...) __attribute__((target_clones(__VA_ARGS__, "default")))
#else
#define COMPILE_FOR(...)
#endif

#ifdef __clang__
#define UNROLL _Pragma("clang loop unroll(full)")
#else
#define UNROLL _Pragma("GCC unroll 8")
#endif

#define INLINED static inline __attribute__((always_inline))

#endif
