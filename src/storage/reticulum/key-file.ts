/** Keys that stand in files, so that no other user of the machine sees them among the words of a command. */
import { Fault, reasonOf } from "../../kit/fault.ts";

/** The first line of a file. Fault `command/key-file` when it cannot be read or is empty. */
export async function keyInFile(path: string): Promise<string> {
  let text: string;
  try {
    text = await Bun.file(path).text();
  } catch (thrown) {
    throw new Fault("invalid", "command/key-file", `Cannot read the key in "${path}": ${reasonOf(thrown)}`);
  }
  const key = (text.split("\n", 1)[0] ?? "").trim();
  if (key === "")
    throw new Fault("invalid", "command/key-file", `Cannot read the key in "${path}": its first line is empty`);
  return key;
}
