import { expect, test } from "bun:test";
import { createServer } from "node:net";
import { existsSync, lstatSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";

import fc from "fast-check";

import { systemClock } from "../../kit/clock.ts";
import { silentLog } from "../../kit/log.ts";
import { until } from "../../kit/testing/child-node.ts";
import { FrameReader, frameHead, frameKinds } from "./datagrams/frames.ts";
import { openLibc } from "./datagrams/libc.ts";
import { listenUnixDatagrams, type UnixDatagramListener } from "./listen-unix-datagrams.ts";

const hasPeer = process.platform === "linux" && Bun.which("python3") !== null;

/** A socket in a folder of its own, with what came. */
async function opened(mode?: number) {
  const folder = mkdtempSync(join(tmpdir(), "warren-datagrams-"));
  const path = join(folder, "s");
  const came = { packets: [] as string[], tooLong: 0 };
  const taker = {
    take: (packet: Buffer) => void came.packets.push(packet.toString()),
    tooLong: () => void came.tooLong++,
  };
  const open = () =>
    listenUnixDatagrams({ path, mode, bufferBytes: 1024 * 1024, clock: systemClock, log: silentLog }, taker);
  const remove = () => rmSync(folder, { recursive: true, force: true });
  return { path, folder, came, taker, open, remove };
}

/** Runs Python over a socket `s` that is connected to the path. */
async function sent(path: string, code: string): Promise<string> {
  const begin = "import socket, sys\ns = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)\ns.connect(sys.argv[1])\n";
  const python = Bun.spawn(["python3", "-c", begin + code, path], { stdout: "pipe", stderr: "pipe" });
  const [output, errors] = await Promise.all([new Response(python.stdout).text(), new Response(python.stderr).text()]);
  return (await python.exited) === 0 ? output : `failed: ${errors}`;
}

test("FrameReader: frames come out whole and in order, however they were cut", () => {
  const frames = fc.array(fc.tuple(fc.constantFrom(...Object.values(frameKinds)), fc.uint8Array({ maxLength: 40 })));
  fc.assert(
    fc.property(frames, fc.array(fc.integer({ min: 1, max: 60 })), (wanted, cuts) => {
      const bytes = Buffer.concat(
        wanted.flatMap(([kind, body]) => {
          const head = Buffer.alloc(4);
          head.writeUInt32LE(frameHead(kind, body.length));
          return [head, body];
        }),
      );
      const found: [number, Uint8Array][] = [];
      const reader = new FrameReader();
      let at = 0;
      for (const cut of [...cuts, bytes.length]) {
        reader.push(bytes.subarray(at, at + cut), (kind, body) => found.push([kind as 0, new Uint8Array(body)]));
        at += cut;
      }
      expect(found).toEqual(wanted);
    }),
  );
  expect(() => new FrameReader().push(Buffer.from([255, 255, 255, 0]), () => undefined)).toThrow(RangeError);
});

test("openLibc: says which libraries could not be opened, and why", () => {
  expect(() => openLibc(["libnothing-of-the-kind.so.9"])).toThrow(
    /^Cannot open the C library: libnothing-of-the-kind\.so\.9: /,
  );
});

if (hasPeer) {
  test("listenUnixDatagrams: 100,000 datagrams of Python come all, in their order", async () => {
    const { path, came, open, remove } = await opened();
    const listener = await open();
    const said = await sent(path, "for n in range(100000): s.send(b'a.b%d:1|c' % n)\nprint('done')");
    expect(said).toBe("done\n");
    await until("all came", () => came.packets.length === 100_000);
    expect(came.packets.every((packet, n) => packet === `a.b${n}:1|c`)).toBe(true);
    await listener.close();
    expect(existsSync(path)).toBe(false);
    remove();
  }, 120_000);

  test("listenUnixDatagrams: the longest of UDP's datagrams is taken, a longer one told, an empty one harmless", async () => {
    const { path, came, open, remove } = await opened();
    const listener = await open();
    await sent(path, "for size in (65507, 65508, 150000, 0, 3): s.send(b'x' * size)");
    await until("all came", () => came.packets.length === 3);
    expect(came.packets.map((packet) => packet.length)).toEqual([65_507, 0, 3]);
    expect(came.tooLong).toBe(2);
    await listener.close();
    remove();
  });

  test("listenUnixDatagrams: a process that is killed is started again, and its leftover socket replaced", async () => {
    const { path, came, open, remove } = await opened();
    const listener = await open();
    const first = listener.pid();
    process.kill(first ?? 0, "SIGKILL");
    await until("it is told", () => listener.trouble() !== undefined);
    expect(listener.trouble()).toContain("its process ended with SIGKILL");
    await until("another runs", () => listener.trouble() === undefined);
    expect(listener.pid()).not.toBe(first);
    await sent(path, "s.send(b'again:1|c')");
    await until("it came", () => came.packets.length === 1);
    await listener.close();
    remove();
  });

  test("listenUnixDatagrams: what was sent before the end is taken at the end", async () => {
    const { path, came, open, remove } = await opened();
    const listener = await open();
    await sent(path, "for n in range(500): s.send(b'x' * 1000)");
    await listener.close();
    expect(came.packets).toHaveLength(500);
    remove();
  });

  test("listenUnixDatagrams: the permission bits are those asked for", async () => {
    const { path, open, remove } = await opened(0o666);
    const listener = await open();
    expect(lstatSync(path).mode & 0o777).toBe(0o666);
    await listener.close();
    remove();
  });
}

if (process.platform === "linux") {
  const refusal = (opening: Promise<UnixDatagramListener>) =>
    opening.then(
      () => "opened",
      (thrown: Error) => thrown.message,
    );

  test("listenUnixDatagrams: refuses a path that others use, that is a file, is too long, or has no folder", async () => {
    const { path, folder, taker, open, remove } = await opened();
    const listener = await open();
    expect(await refusal(open())).toBe("another process has it open");
    await listener.close();
    const server = createServer().listen(path);
    await new Promise((resolve) => server.once("listening", resolve));
    expect(await refusal(open())).toBe("another process has it open");
    await new Promise((resolve) => server.close(resolve));
    writeFileSync(path, "precious");
    expect(await refusal(open())).toBe("there is something that is no socket");
    expect(readFileSync(path, "utf8")).toBe("precious");
    const at = (other: string) => {
      const options = { path: other, mode: undefined, bufferBytes: 0, clock: systemClock, log: silentLog };
      return refusal(listenUnixDatagrams(options, taker));
    };
    expect(await at(join(folder, "x".repeat(120)))).toContain("the kernel takes at most 107");
    expect(await at(join(folder, "none", "s"))).toBe("the folder is not there");
    expect(readdirSync(folder)).toEqual(["s"]);
    remove();
  });

  test("listenUnixDatagrams: the process ends when whoever started it is killed", async () => {
    const { path, folder, came, open, remove } = await opened();
    const code = `
      import { listenUnixDatagrams } from ${JSON.stringify(join(import.meta.dir, "listen-unix-datagrams.ts"))};
      import { systemClock } from ${JSON.stringify(join(import.meta.dir, "../../kit/clock.ts"))};
      import { silentLog } from ${JSON.stringify(join(import.meta.dir, "../../kit/log.ts"))};
      const options = { path: ${JSON.stringify(path)}, bufferBytes: 0, clock: systemClock, log: silentLog };
      const listener = await listenUnixDatagrams(options, { take() {}, tooLong() {} });
      console.log(listener.pid());
      setInterval(() => {}, 1000);`;
    const script = join(folder, "owner.ts");
    writeFileSync(script, code);
    const owner = Bun.spawn([process.execPath, script], { stdout: "pipe" });
    const reader = owner.stdout.getReader();
    const pid = Number(new TextDecoder().decode((await reader.read()).value));
    expect(existsSync(`/proc/${pid}`)).toBe(true);
    owner.kill("SIGKILL");
    await owner.exited;
    await until(
      "it is gone",
      () => !existsSync(`/proc/${pid}`) || readFileSync(`/proc/${pid}/stat`, "utf8").includes(") Z "),
    );
    // It takes its socket along where it is left the time; a socket that stayed is nobody's, and the next one takes it over.
    const next = await open();
    expect(await sent(path, "s.send(b'still:1|c')")).toBe("");
    await until("it comes", () => came.packets.length === 1);
    await next.close();
    expect(existsSync(path)).toBe(false);
    remove();
  });
}
