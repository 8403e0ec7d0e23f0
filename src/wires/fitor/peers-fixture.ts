/**
 * Peers for tests: a real ngircd on a free port, a second client made of a plain socket, and a broker as Windsock's is. All end
 * when the test leaves its block.
 */
import { mkdtempSync, rmSync } from "node:fs";
import { connect, type Socket } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";

import { systemClock } from "../../kit/clock.ts";
import { systemRandom } from "../../kit/random.ts";
import { until } from "../../kit/testing/child-node.ts";
import { freePort } from "../../kit/testing/free-port.ts";
import { Publisher } from "../../lib/zmtp/publish.ts";
import { Replier } from "../../lib/zmtp/request.ts";

/** The server, or undefined where it is not installed. */
export const ngircd = Bun.which("ngircd") ?? Bun.which("ngircd", { PATH: "/usr/sbin:/sbin" });

/** A server that runs. */
export interface IrcServer extends AsyncDisposable {
  readonly port: number;
  /** Ends it, and starts it again on the same port. */
  restart(): Promise<void>;
  /** Ends it until {@link restart}. */
  end(): Promise<void>;
}

/** Starts a server. `extra` stands at the end of its configuration. */
export async function startIrcServer(extra = ""): Promise<IrcServer> {
  if (ngircd === null) throw new Error("ngircd is not installed");
  const folder = mkdtempSync(join(tmpdir(), "warren-ngircd-"));
  const path = join(folder, "ngircd.conf");
  const port = freePort();
  await Bun.write(
    path,
    `[Global]
Name = irc.test.local
Info = A server for tests
Listen = 127.0.0.1
Ports = ${port}
MotdPhrase = hello
[Limits]
MaxConnectionsIP = 0
# By itself it lets everybody wait for seconds who has just come or has said something.
MaxPenaltyTime = 0
MaxJoins = 0
[Options]
DNS = no
Ident = no
PAM = no
SyslogFacility = local0
OperCanUseMode = yes
[Operator]
Name = op
Password = op
${extra}`,
  );
  const program = ngircd;
  const run = async () => {
    const child = Bun.spawn([program, "-n", "-f", path], { stdout: "ignore", stderr: "ignore" });
    await until("the server listens", () => isListening(port));
    return child;
  };
  let child = await run();
  const end = async () => {
    child.kill("SIGKILL");
    await child.exited;
  };
  return {
    port,
    end,
    async restart() {
      await end();
      child = await run();
    },
    async [Symbol.asyncDispose]() {
      await end();
      rmSync(folder, { recursive: true, force: true });
    },
  };
}

function isListening(port: number): Promise<boolean> {
  return new Promise((resolve) => {
    const socket = connect({ host: "127.0.0.1", port });
    socket.once("connect", () => {
      socket.destroy();
      resolve(true);
    });
    socket.once("error", () => resolve(false));
  });
}

/** Somebody else in the channel, on a socket of their own. */
export class OtherClient implements Disposable {
  readonly lines: string[] = [];
  readonly #socket: Socket;

  private constructor(socket: Socket) {
    this.#socket = socket;
    let rest = Buffer.alloc(0);
    socket.on("data", (chunk: Buffer) => {
      rest = Buffer.concat([rest, chunk]);
      for (let at = rest.indexOf(10); at >= 0; at = rest.indexOf(10)) {
        const line = rest.subarray(0, at).toString().replace(/\r$/, "");
        rest = rest.subarray(at + 1);
        this.lines.push(line);
        if (line.startsWith("PING")) this.send(line.replace("PING", "PONG"));
      }
    });
    socket.on("error", () => this.lines.push("ERROR"));
  }

  /** Connects, registers and joins. */
  static async join(port: number, nick: string, channel?: string): Promise<OtherClient> {
    const socket = connect({ host: "127.0.0.1", port });
    const client = new OtherClient(socket);
    client.send(`NICK ${nick}`, `USER ${nick} 0 * :${nick}`);
    await client.sees(/ 376 | 422 /);
    if (channel !== undefined) {
      client.send(`JOIN ${channel}`);
      await client.sees(/ 366 /);
    }
    return client;
  }

  send(...lines: string[]): void {
    this.#socket.write(lines.map((line) => `${line}\r\n`).join(""));
  }

  sendBytes(bytes: Uint8Array): void {
    this.#socket.write(bytes);
  }

  /** Waits for a line; gives it. */
  sees(pattern: RegExp): Promise<string> {
    return until(`${String(pattern)} among:\n${this.lines.slice(-20).join("\n")}`, () =>
      this.lines.find((line) => pattern.test(line)),
    );
  }

  [Symbol.dispose](): void {
    this.#socket.destroy();
  }
}

/** A broker as the predecessor's world has it. */
export interface SmallBroker extends Disposable {
  readonly reqSocket: string;
  readonly subSocket: string;
  /** All that was published, as `[address, parsed content]`. */
  readonly published: [string, unknown][];
  publish(address: string, content: string): void;
}

/** Starts a broker on free ports, or where another one was. */
export function startBroker(at?: Pick<SmallBroker, "reqSocket" | "subSocket">): SmallBroker {
  const published: [string, unknown][] = [];
  const publisher = new Publisher({ clock: systemClock, random: systemRandom });
  const publish = (address: string, content: string) => {
    publisher.send([Buffer.from(address), Buffer.from(content)]);
  };
  const replier = new Replier({
    clock: systemClock,
    random: systemRandom,
    answer([question]) {
      const { address, content } = JSON.parse(question?.toString() ?? "") as { address: string; content: string };
      published.push([address, JSON.parse(content)]);
      publish(address, content);
      return [Buffer.from("published")];
    },
  });
  const subSocket = publisher.bind(at?.subSocket ?? "tcp://127.0.0.1:*");
  const reqSocket = replier.bind(at?.reqSocket ?? "tcp://127.0.0.1:*");
  return {
    reqSocket,
    subSocket,
    published,
    publish,
    [Symbol.dispose]() {
      replier.close();
      publisher.close();
    },
  };
}
