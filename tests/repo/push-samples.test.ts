/** The samples in docs/push-to-browsers.md: the token that is signed there is good here, for what it says. */
import { expect, test } from "bun:test";
import { join } from "node:path";

import { systemClock } from "../../src/kit/clock.ts";
import { readClaims } from "../../src/wires/windsock/doors/jwt.ts";

const document = await Bun.file(join(import.meta.dir, "../../docs/push-to-browsers.md")).text();
const isHere = Bun.which("python3") !== null;
if (!isHere) console.log("The sample in Python is left out: this machine has no python3");

test.skipIf(!isHere)("docs/push-to-browsers.md: its sample in Python signs what a node takes", () => {
  const sample = /^```python\n((?:(?!^```)[\s\S])*?^def token\([\s\S]*?)^```$/m.exec(document)?.[1] ?? "";
  const [id = "", secret = ""] = /token_keys = \["([^"]+)"\]/.exec(document)?.[1]?.split(":") ?? [];
  const claims = /token\((\{"sub".*?\}), key, "2026"\)/.exec(document)?.[1] ?? "";
  const program = `${sample}\nprint(token(${claims}, ${JSON.stringify(secret)}, ${JSON.stringify(id)}))`;
  // In the language that every machine has: of another one, what starts Python may complain.
  const env = { ...process.env, LC_ALL: "C" };
  const { exitCode, stderr, stdout } = Bun.spawnSync(["python3", "-c", program], { env });
  expect([exitCode, stderr.toString()]).toEqual([0, ""]);
  const read = readClaims(stdout.toString().trim(), [{ id, secret }]);
  expect(read).toMatchObject({ sub: "ann", subscribe: ["shop.#"], publish: ["shop.wishes"] });
  expect(Number(read["exp"]) - systemClock.now() / 1000).toBeWithin(500, 601);
  expect(() => readClaims(stdout.toString().trim(), [{ id, secret: "another" }])).toThrow();
});
