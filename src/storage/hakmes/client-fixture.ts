/**
 * A small Hakmes in memory for tests of its client: the routes that a client uses, answered as they should be, and as many
 * failures in between as a test wants. It keeps no promise of the real one and checks what it is sent.
 */
import { type Algorithm, type Key, requireKey } from "../cask/client.ts";

interface FakeUpload {
  length: number | undefined;
  bytes: Uint8Array;
  name: string;
  key: Key | undefined;
}

interface FakeFile {
  bytes: Uint8Array;
  names: string[];
  mimetype: string;
}

/** What a test decides about a request before it is answered; a Response is the answer, a throw is a lost connection. */
export type FakeFault = (request: Request) => Response | undefined | Promise<Response | undefined>;

/** A Hakmes that can be made to fail. */
export class FakeHakmes {
  readonly files = new Map<Key, FakeFile>();
  readonly uploads = new Map<string, FakeUpload>();
  /** `METHOD path`, in order. */
  readonly asked: string[] = [];
  readonly tokens: (string | null)[] = [];
  algorithm: Algorithm = "sha256";
  /** Looks at each request first. */
  fault: FakeFault = () => undefined;
  /** The connection of an upload's request is lost after so many bytes of its body; used once each. */
  readonly cutUploads: number[] = [];
  /** The connection of a file's body is lost after so many bytes; used once each. */
  readonly cutBodies: number[] = [];
  /** The answer to the request that finished an upload is lost so many times. */
  lostAnswers = 0;
  /** What is served instead of the bytes of a file. */
  readonly served = new Map<Key, Uint8Array>();
  readonly baseUrl: string;
  #next = 1;

  constructor(baseUrl = "http://hakmes.example/hakmes") {
    this.baseUrl = baseUrl;
  }

  /** The client's way here. */
  readonly fetch = async (url: string, init: RequestInit): Promise<Response> => {
    const request = new Request(url, init);
    const path = url.slice(this.baseUrl.length);
    this.asked.push(`${request.method} ${path}`);
    this.tokens.push(request.headers.get("authorization"));
    const decided = await this.fault(request);
    if (decided !== undefined) return decided;
    return this.#answer(request, path);
  };

  /** Puts a file in. */
  add(bytes: Uint8Array, name = "", mimetype = "application/octet-stream"): Key {
    const key = this.keyOf(bytes);
    const held = this.files.get(key) ?? { bytes, names: [], mimetype };
    if (name !== "" && !held.names.includes(name)) held.names.push(name);
    this.files.set(key, held);
    return key;
  }

  /** The key that bytes have here. */
  keyOf(bytes: Uint8Array): Key {
    return requireKey(`${this.algorithm}:${new Bun.CryptoHasher(this.algorithm).update(bytes).digest("hex")}`);
  }

  async #answer(request: Request, path: string): Promise<Response> {
    const { method } = request;
    if (method === "POST" && path === "/") return this.#form(request);
    if (path === "/tus/" && method === "POST") return this.#create(request);
    const upload = this.uploads.get(/^\/tus\/([^/]+)$/.exec(path)?.[1] ?? "");
    if (path.startsWith("/tus/")) {
      if (upload === undefined) return new Response("gone\n", { status: 404 });
      return method === "HEAD" ? this.#head(upload) : this.#patch(request, upload);
    }
    const key = /^\/(?:file|info)\/([^/]+)\/$/.exec(path)?.[1];
    if (key !== undefined) {
      const file = this.files.get(requireKey(key));
      if (file === undefined) return new Response("file not found\n", { status: 404 });
      return path.startsWith("/info/")
        ? Response.json({ ...this.#row(requireKey(key), file), chunks: [key] })
        : this.#file(request, requireKey(key), file);
    }
    if (path.startsWith("/list.json")) return this.#list(new URL(request.url).searchParams);
    return new Response("not found\n", { status: 404 });
  }

  async #form(request: Request): Promise<Response> {
    const text = await request.clone().text();
    const part = (await request.formData()).get("file");
    if (part === null || typeof part === "string") return new Response("couldn't read file\n", { status: 500 });
    const bytes = await part.bytes();
    // The runtime goes by the name.
    const mimetype = /\r\nContent-Type: (.*)\r\n/.exec(text)?.[1] ?? "";
    const key = this.add(bytes, part.name, mimetype);
    return Response.json({ key, extension: "", mimetype, size: bytes.length, chunks: [key] });
  }

  #create(request: Request): Response {
    const { headers } = request;
    const length = headers.get("upload-length");
    if (headers.get("tus-resumable") !== "1.0.0") return new Response(null, { status: 412 });
    if ((length === null) === (headers.get("upload-defer-length") === null)) return new Response(null, { status: 400 });
    const id = `upload${this.#next++}`;
    const name = /filename (\S+?)(?:,|$)/.exec(headers.get("upload-metadata") ?? "")?.[1] ?? "";
    this.uploads.set(id, {
      length: length === null ? undefined : Number(length),
      bytes: new Uint8Array(0),
      name: Buffer.from(name, "base64").toString(),
      key: undefined,
    });
    return new Response(null, { status: 201, headers: { Location: id } });
  }

  #head(upload: FakeUpload): Response {
    return new Response(null, {
      headers: {
        "Upload-Offset": String(upload.bytes.length),
        ...(upload.length === undefined ? {} : { "Upload-Length": String(upload.length) }),
        ...(upload.key === undefined ? {} : { "Warren-Key": upload.key }),
      },
    });
  }

  async #patch(request: Request, upload: FakeUpload): Promise<Response> {
    const { headers } = request;
    if (headers.get("content-type") !== "application/offset+octet-stream") return new Response(null, { status: 415 });
    if (Number(headers.get("upload-offset")) !== upload.bytes.length) return new Response(null, { status: 409 });
    if (headers.has("upload-length")) upload.length = Number(headers.get("upload-length"));
    const cutAfter = this.cutUploads.shift() ?? Number.POSITIVE_INFINITY;
    const parts = [upload.bytes];
    let came = 0;
    for await (const chunk of request.body ?? []) {
      parts.push(chunk.subarray(0, cutAfter - came));
      came += chunk.byteLength;
      if (came >= cutAfter) {
        upload.bytes = Buffer.concat(parts);
        throw new Error("connection reset");
      }
    }
    upload.bytes = Buffer.concat(parts);
    if (upload.bytes.length === upload.length) upload.key = this.add(upload.bytes, upload.name);
    if (upload.key !== undefined && this.lostAnswers-- > 0) throw new Error("connection reset");
    const { key } = upload;
    return new Response(null, {
      status: 204,
      headers: { "Upload-Offset": String(upload.bytes.length), ...(key === undefined ? {} : { "Warren-Key": key }) },
    });
  }

  #file(request: Request, key: Key, file: FakeFile): Response {
    const bytes = this.served.get(key) ?? file.bytes;
    const start = Number(/^bytes=(\d+)-/.exec(request.headers.get("range") ?? "")?.[1] ?? 0);
    if (start > 0 && start >= bytes.length) return new Response(null, { status: 416 });
    const cutAfter = request.method === "HEAD" ? undefined : this.cutBodies.shift();
    const part = bytes.subarray(start);
    let sent = 0;
    const body = new ReadableStream<Uint8Array>({
      pull(controller) {
        if (cutAfter !== undefined && sent >= cutAfter) return controller.error(new Error("connection reset"));
        if (sent >= part.length) return controller.close();
        controller.enqueue(part.slice(sent, sent + 1000));
        sent += 1000;
      },
    });
    const name = file.names[0];
    return new Response(request.method === "HEAD" ? null : body, {
      status: start > 0 ? 206 : 200,
      headers: {
        "Content-Type": file.mimetype,
        "Content-Length": String(part.length),
        ...(start > 0 ? { "Content-Range": `bytes ${start}-${bytes.length - 1}/${bytes.length}` } : {}),
        ...(name === undefined
          ? {}
          : { "Content-Disposition": `attachment; filename*=UTF-8''${encodeURIComponent(name)}` }),
      },
    });
  }

  #row(key: Key, file: FakeFile) {
    return { key, extension: "", mimetype: file.mimetype, size: file.bytes.length, names: file.names };
  }

  #list(words: URLSearchParams): Response {
    const search = words.get("search") ?? "";
    const all = [...this.files]
      .filter(([key, { names }]) => key.startsWith(search) || names.some((name) => name.includes(search)))
      .map(([key, file]) => this.#row(key, file));
    const from = Number(words.get("after") ?? 0);
    const to = from + Number(words.get("limit") ?? 100);
    return Response.json({
      files: all.slice(from, to),
      total: all.length,
      ...(to < all.length ? { next: String(to) } : {}),
    });
  }
}
