/** The target that a person reads: the values of each flush as lines on standard output. */
import type { Output } from "./output.ts";

/** Prints through `print`, which is given whole lines. */
export function consoleOutput(print: (text: string) => void): Output {
  let sentPoints = 0;
  let lastSentAt = 0;
  return {
    begin(atSeconds) {
      let text = `Flushing stats at ${new Date(atSeconds * 1000).toISOString()}\n`;
      const line = (path: string, value: number, ownSeconds: number) => {
        sentPoints++;
        text += `  ${path} ${value} ${ownSeconds}\n`;
      };
      return {
        add: (path, value) => line(path, value, atSeconds),
        addAt: line,
        end() {
          lastSentAt = atSeconds * 1000;
          print(text);
        },
      };
    },
    state: () => ({
      name: "standard output",
      kind: "console",
      isUp: true,
      sentPoints,
      spooledBytes: 0,
      droppedPoints: 0,
      lastSentAt,
      lastFailedAt: 0,
      failure: "",
      lastLengthBytes: 0,
      lastWriteMs: 0,
    }),
    close: () => Promise.resolve(),
  };
}
