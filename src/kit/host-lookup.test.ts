import { expect, test } from "bun:test";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { isIP } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";

import { serversIn, systemResolve } from "./host-lookup.ts";

test("serversIn: the name servers of a resolv.conf, and nothing else of it", () => {
  const text = "# made by dhcp\nnameserver 192.0.2.1\n\nnameserver\t2001:db8::1\noptions ndots:2\nnameserver none\n";
  expect(serversIn(text)).toEqual(["192.0.2.1", "2001:db8::1"]);
  expect(serversIn("")).toEqual([]);
});

test("systemResolve: knows what /etc/hosts knows, each address once", async () => {
  const found = await systemResolve("localhost");
  expect(found.length).toBeGreaterThan(0);
  expect(found.every((address) => isIP(address) !== 0)).toBe(true);
  expect(new Set(found).size).toBe(found.length);
});

const program = `
  import { createSocket } from "node:dgram";
  import { writeFileSync } from "node:fs";
  import { systemResolve } from ${JSON.stringify(join(import.meta.dir, "host-lookup.ts"))};
  const bind = (host, hear) => new Promise((ready) => {
    const socket = createSocket("udp4");
    socket.on("message", (question, from) => hear(socket, question, from));
    socket.bind(53, host, ready);
  });
  await bind("127.53.0.1", () => undefined);
  await bind("127.53.0.2", (socket, question, from) => {
    const end = question.indexOf(0, 12) + 5;
    const isA = question[end - 3] === 1;
    const head = Buffer.from([0, 0, 0x81, 0x80, 0, 1, 0, isA ? 1 : 0, 0, 0, 0, 0]);
    question.copy(head, 0, 0, 2);
    const record = Buffer.from(isA ? [0xc0, 12, 0, 1, 0, 1, 0, 0, 0, 60, 0, 4, 192, 0, 2, 1] : []);
    socket.send(Buffer.concat([head, question.subarray(12, end), record]), from.port, from.address);
  });
  for (let number = 0; number < 30; number++) systemResolve("hangs" + number + ".example").catch(() => undefined);
  const startedMs = performance.now();
  await Bun.file("/etc/hosts").text();
  const [local] = await systemResolve("localhost");
  const tookMs = performance.now() - startedMs;
  writeFileSync("/etc/resolv.conf", "nameserver 127.53.0.2\\n");
  console.log(JSON.stringify({ local, isQuick: tookMs < 2000, found: await systemResolve("there.example") }));
  process.exit(0);
`;

const mayBind = process.platform === "linux" && process.getuid?.() === 0 && Bun.which("unshare") !== null;

test.skipIf(!mayBind)(
  "systemResolve: a name server that says nothing holds up no file and no other name, and a new one is taken up",
  async () => {
    const folder = mkdtempSync(join(tmpdir(), "warren-lookup-"));
    try {
      const own = join(folder, "resolv.conf");
      writeFileSync(own, "nameserver 127.53.0.1\n");
      const script = join(folder, "program.ts");
      writeFileSync(script, program);
      // In a mount namespace of its own, so that nobody else gets these name servers.
      const child = Bun.spawn(
        [
          "unshare",
          "-m",
          "sh",
          "-c",
          `mount --bind "${own}" /etc/resolv.conf && exec "${process.execPath}" "${script}"`,
        ],
        { stdin: "ignore", stdout: "pipe", stderr: "pipe", timeout: 100_000 },
      );
      const [said, trouble] = await Promise.all([new Response(child.stdout).text(), new Response(child.stderr).text()]);
      await child.exited;
      if (/unshare|mount/.test(trouble)) return console.log(`skipped: no mount namespace here: ${trouble.trim()}`);
      expect(JSON.parse(said)).toEqual({ local: "127.0.0.1", isQuick: true, found: ["192.0.2.1"] });
    } finally {
      rmSync(folder, { recursive: true, force: true });
    }
  },
  120_000,
);
