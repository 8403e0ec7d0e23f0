/**
 * For tests only: starts a real S3-compatible server as its own process, if this machine has one. Looked for, in this
 * order: the program named by WARREN_TEST_S3, `versitygw` (Go), `moto_server` (Python), in
 * `node_modules/.cache/peers/bin` and on the PATH. A fresh bucket in a temporary folder each time.
 */
import { mkdtemp, mkdir, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { basename, join } from "node:path";

import { freePort } from "../../kit/testing/free-port.ts";

/** A server that runs. */
export interface S3Server {
  /** What it is, such as `versitygw`. */
  name: string;
  endpoint: string;
  bucket: string;
  accessKeyId: string;
  secretAccessKey: string;
  region: string;
  stop(): Promise<void>;
}

const programs = ["versitygw", "moto_server"];

/** The variables of the process, as the test has them. */
export type Environment = Readonly<Record<string, string | undefined>>;

/** The path of the server program to be used, or undefined when there is none. */
export function findS3Program(environment: Environment): string | undefined {
  const named = environment["WARREN_TEST_S3"];
  if (named) return named;
  const peers = join(import.meta.dir, "../../../node_modules/.cache/peers/bin");
  const path = `${peers}:${environment["PATH"] ?? ""}:${join(environment["HOME"] ?? "/", "go/bin")}`;
  for (const program of programs) {
    const found = Bun.which(program, { PATH: path });
    if (found) return found;
  }
  return undefined;
}

/** Starts the program and waits until it answers and has a bucket. */
export async function startS3Server(program: string, environment: Environment): Promise<S3Server> {
  const folder = await mkdtemp(join(tmpdir(), "cask-s3-"));
  const port = freePort();
  const name = basename(program);
  const accessKeyId = "test-access";
  const secretAccessKey = "test-secret-0123456789";
  const region = "us-east-1";
  const bucket = "blobs";
  if (name === "versitygw") await mkdir(join(folder, bucket));
  const cmd =
    name === "versitygw"
      ? [program, "--port", `127.0.0.1:${port}`, "--quiet", "posix", folder]
      : [program, "-H", "127.0.0.1", "-p", String(port)];
  const child = Bun.spawn({
    cmd,
    cwd: folder,
    env: { ...environment, ROOT_ACCESS_KEY: accessKeyId, ROOT_SECRET_KEY: secretAccessKey, NO_PROXY: "127.0.0.1" },
    stdout: "ignore",
    stderr: "ignore",
  });
  const server: S3Server = {
    name,
    endpoint: `http://127.0.0.1:${port}`,
    bucket,
    accessKeyId,
    secretAccessKey,
    region,
    async stop() {
      child.kill("SIGKILL");
      await child.exited;
      await rm(folder, { recursive: true, force: true });
    },
  };
  try {
    await answering(server, child);
    return server;
  } catch (thrown) {
    await server.stop();
    throw thrown;
  }
}

async function answering(server: S3Server, child: Bun.Subprocess): Promise<void> {
  const untilMs = performance.now() + 60_000;
  for (;;) {
    if (child.exitCode !== null) throw new Error(`${server.name} ended with code ${child.exitCode}`);
    try {
      // A bucket is made by a signed PUT of its path; one that is there already is good as well.
      if (server.name === "moto_server") await fetch(`${server.endpoint}/${server.bucket}`, { method: "PUT" });
      await new Bun.S3Client(server).list({ maxKeys: 1 });
      return;
    } catch (thrown) {
      if (performance.now() > untilMs) throw thrown;
      await Bun.sleep(50);
    }
  }
}
