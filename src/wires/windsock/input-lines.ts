/** The lines of what is piped into a verb. */

/** The lines of an input that may go on for ever, each as soon as it is there; empty ones are left out. */
export async function* linesOf(input: AsyncIterable<Uint8Array>): AsyncGenerator<string> {
  const decoder = new TextDecoder();
  let rest = "";
  for await (const chunk of input) {
    const lines = (rest + decoder.decode(chunk, { stream: true })).split("\n");
    rest = lines.pop() ?? "";
    for (const line of lines.map(bare)) if (line !== "") yield line;
  }
  const last = bare(rest + decoder.decode());
  if (last !== "") yield last;
}

function bare(line: string): string {
  return line.endsWith("\r") ? line.slice(0, -1) : line;
}
