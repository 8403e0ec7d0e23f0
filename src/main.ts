/**
 * Where the program begins. Before anything else is loaded it asks for more of the threads that wait for disks: the
 * runtime starts as many as there are cores, and every fsync holds one while it waits, so on two cores a third write
 * would stand in line for nothing. The size of that pool is read from the C library's environment when the first module
 * is loaded, which is why this file imports nothing of ours and sets it there. `UV_THREADPOOL_SIZE` overrides it.
 */
import { dlopen, FFIType } from "bun:ffi";

const threadPoolSize = "16";

if (process.env.UV_THREADPOOL_SIZE === undefined && process.platform === "linux") {
  try {
    const { symbols } = dlopen("libc.so.6", {
      setenv: { args: [FFIType.cstring, FFIType.cstring, FFIType.int], returns: FFIType.int },
    });
    symbols.setenv(Buffer.from("UV_THREADPOOL_SIZE\0"), Buffer.from(`${threadPoolSize}\0`), 1);
  } catch (thrown) {
    // Another C library: the pool keeps its usual size, and everything works as it did.
    if (!(thrown instanceof Error)) throw thrown;
  }
}

const words = process.argv.slice(2);
const { innerProgram } = await import("./inner.ts");
const inner = innerProgram(words);
if (inner) {
  await inner();
} else {
  const { runCommandLine } = await import("./command-line.ts");
  await runCommandLine(words);
}
