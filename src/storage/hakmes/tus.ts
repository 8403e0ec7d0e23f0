/**
 * The routes of resumable uploads: tus 1.0.0 with creation, creation-with-upload, creation-defer-length, expiration,
 * checksum, termination and concatenation. Requests become calls of `TusUploads`, what comes of them becomes the headers of
 * the protocol; no decision about uploads is made here.
 *
 * Beyond the protocol: the answer that says a file is finished names its key in `Warren-Key` and where to get it in
 * `Content-Location`, and GET tells the state as JSON. Addresses are given relative to the request's, so they are right
 * behind any proxy. Pages of other origins get no permission: no CORS headers are sent.
 */
import { Fault, reasonOf, toFault } from "../../kit/fault.ts";
import { problemResponse } from "../../kit/http/problem.ts";
import { pathOf } from "../../kit/http/target.ts";
import type { Logger } from "../../kit/log.ts";
import type { Caller, Scope } from "../../kit/service.ts";
import {
  bytesIn,
  checksumBytes,
  checksumIn,
  defersLength,
  hasBody,
  isUploadBody,
  parseConcat,
  tusExtensions,
  tusVersion,
  uploadId,
} from "./tus-headers.ts";
import { offsetOf, type TusUpload } from "./tus-ledger.ts";
import { diskFaultOf } from "./tus-fault.ts";
import { parseMetadata, readableMetadata } from "./tus-metadata.ts";
import type { TusBytes, TusUploads } from "./tus-uploads.ts";

/** What the routes stand on. */
export interface TusRouteParts {
  readonly uploads: TusUploads;
  /** The path of the routes, such as `/hakmes/tus`, without a trailing slash. */
  readonly path: string;
  readonly log: Logger;
}

const collectionMethods = "POST, OPTIONS";
const uploadMethods = "HEAD, PATCH, DELETE, GET, OPTIONS";

/** The scope a request to these routes needs: asking how far an upload came belongs to sending it. */
export function tusScope(request: Request): Scope {
  return request.method === "OPTIONS" ? "read" : "write";
}

/** The handler of everything at and below the path. Failures are answered here, for they carry the protocol's headers too. */
export function tusRoutes(parts: TusRouteParts): (request: Request, caller: Caller) => Promise<Response> {
  return async (request, caller) => {
    const method = methodOf(request);
    try {
      return await answer(parts.uploads, request, method, pathOf(request.url).slice(parts.path.length));
    } catch (thrown) {
      return failed(parts.log, request, method, caller, toFault(diskFaultOf(thrown)));
    }
  };
}

async function answer(uploads: TusUploads, request: Request, method: string, path: string): Promise<Response> {
  const match = /^\/([^/]*)\/?$/.exec(path);
  const id = path === "" ? "" : match?.[1];
  if (id === undefined || (id !== "" && !uploadId.test(id))) {
    throw new Fault("missing", "hakmes/tus-missing", "Cannot find the upload: there is none of that name");
  }
  // References are resolved from the request's own address, so each slash in it after the routes' own is a step up.
  const fileFolder = `${"../".repeat(path.split("/").length - 1)}file/`;
  if (method === "OPTIONS") {
    return new Response(null, {
      status: 204,
      headers: {
        ...protocolHeaders,
        "Tus-Version": tusVersion,
        "Tus-Extension": tusExtensions.join(","),
        "Tus-Max-Size": String(uploads.maxBytes),
        "Tus-Checksum-Algorithm": Object.keys(checksumBytes).join(","),
        Allow: id === "" ? collectionMethods : uploadMethods,
      },
    });
  }
  if (id !== "" && method === "GET") return stateAnswer(uploads.look(id), fileFolder);
  refuseOtherVersions(request);
  if (id === "" && method === "POST") return create(uploads, request, path === "" ? "tus/" : "", fileFolder);
  if (id !== "" && method === "HEAD") return headAnswer(await attended(uploads, id), fileFolder);
  if (id !== "" && method === "PATCH") {
    if (!isUploadBody(request.headers)) throw wrongType();
    const offsetBytes = bytesIn(request.headers, "Upload-Offset");
    if (offsetBytes === undefined) {
      throw new Fault("invalid", "hakmes/tus-header", "Cannot add to the upload: wanted its offset in Upload-Offset");
    }
    const upload = await uploads.write(id, bodyOf(request, offsetBytes));
    return new Response(null, {
      status: 204,
      headers: { ...protocolHeaders, "Upload-Offset": String(offsetOf(upload)), ...endHeaders(upload, fileFolder) },
    });
  }
  if (id !== "" && method === "DELETE") {
    await uploads.terminate(id);
    return new Response(null, { status: 204, headers: protocolHeaders });
  }
  const allow = id === "" ? collectionMethods : uploadMethods;
  return new Response("Method Not Allowed\n", {
    status: 405,
    headers: { ...protocolHeaders, Allow: allow, "Content-Type": "text/plain; charset=utf-8" },
  });
}

async function create(uploads: TusUploads, request: Request, folder: string, fileFolder: string): Promise<Response> {
  const { headers } = request;
  const lengthBytes = bytesIn(headers, "Upload-Length");
  const isDeferred = defersLength(headers);
  const concatText = headers.get("upload-concat");
  const concat = concatText === null ? undefined : parseConcat(concatText);
  const metadata = headers.get("upload-metadata") ?? "";
  parseMetadata(metadata);
  const sends = isUploadBody(headers);
  if (!sends && hasBody(request)) throw wrongType();
  if (concat?.kind === "final") {
    if (lengthBytes !== undefined || isDeferred || hasBody(request)) {
      throw new Fault("invalid", "hakmes/tus-header", "Cannot concatenate: the parts give the length and the bytes");
    }
    return created(await uploads.concatenate(concat, metadata), folder, fileFolder, false);
  }
  if ((lengthBytes === undefined) !== isDeferred) {
    throw new Fault(
      "invalid",
      "hakmes/tus-header",
      "Cannot begin an upload: wanted either Upload-Length or Upload-Defer-Length: 1",
    );
  }
  const bytes = bodyOf(request, 0);
  const upload = await uploads.create({
    kind: concat?.kind ?? "whole",
    concat: concat?.text ?? "",
    lengthBytes,
    metadata,
  });
  if (!sends || bytes.body === null || upload.state === "done") return created(upload, folder, fileFolder, sends);
  try {
    return created(await uploads.write(upload.id, { ...bytes, lengthBytes: undefined }), folder, fileFolder, true);
  } catch (thrown) {
    // Its address was never told, so nobody could go on with it.
    await uploads.terminate(upload.id);
    throw thrown;
  }
}

function created(upload: TusUpload, folder: string, fileFolder: string, sent: boolean): Response {
  return new Response(null, {
    status: 201,
    headers: {
      ...protocolHeaders,
      Location: `${folder}${upload.id}`,
      ...(sent ? { "Upload-Offset": String(offsetOf(upload)) } : {}),
      ...endHeaders(upload, fileFolder),
    },
  });
}

/**
 * What HEAD tells. A node that cannot finish a file for now says that the upload is locked: clients take any other failure
 * for a reason to begin anew.
 */
async function attended(uploads: TusUploads, id: string): Promise<TusUpload> {
  try {
    return await uploads.attend(id);
  } catch (failure) {
    const thrown = diskFaultOf(failure);
    if (!(thrown instanceof Fault) || (thrown.kind !== "unavailable" && thrown.kind !== "timeout")) throw thrown;
    throw new Fault("conflict", thrown.code, thrown.message, { status: 423, retryAfterMs: 2000, cause: thrown });
  }
}

function headAnswer(upload: TusUpload, fileFolder: string): Response {
  const isJoining = upload.kind === "final" && upload.state !== "done";
  return new Response(null, {
    status: 200,
    headers: {
      ...protocolHeaders,
      ...(isJoining ? {} : { "Upload-Offset": String(offsetOf(upload)) }),
      ...(upload.lengthBytes === undefined
        ? { "Upload-Defer-Length": "1" }
        : { "Upload-Length": String(upload.lengthBytes) }),
      ...(upload.metadata === "" ? {} : { "Upload-Metadata": upload.metadata }),
      ...(upload.concat === "" ? {} : { "Upload-Concat": upload.concat }),
      ...endHeaders(upload, fileFolder),
    },
  });
}

/** The state for people and programs. */
function stateAnswer(upload: TusUpload, fileFolder: string): Response {
  return Response.json(
    {
      id: upload.id,
      kind: upload.kind,
      state: upload.state === "done" ? "done" : upload.kind === "final" ? "joining" : "open",
      offset: offsetOf(upload),
      length: upload.lengthBytes ?? null,
      metadata: readableMetadata(upload.metadata),
      createdAt: new Date(upload.createdAt).toISOString(),
      expiresAt: new Date(upload.expiresAt).toISOString(),
      ...(upload.key === undefined ? {} : { key: upload.key, file: `${fileFolder}${upload.key}/` }),
    },
    { headers: protocolHeaders },
  );
}

const protocolHeaders = {
  "Tus-Resumable": tusVersion,
  "Cache-Control": "no-store",
  "X-Content-Type-Options": "nosniff",
};

/** Until when an upload may be gone on with, or what came of it. */
function endHeaders(upload: TusUpload, fileFolder: string): Record<string, string> {
  if (upload.key === undefined) return { "Upload-Expires": new Date(upload.expiresAt).toUTCString() };
  return { "Warren-Key": upload.key, "Content-Location": `${fileFolder}${upload.key}/` };
}

function bodyOf(request: Request, offsetBytes: number): TusBytes {
  const { headers } = request;
  const length = headers.get("content-length");
  return {
    offsetBytes,
    body: request.body,
    announcedBytes: length === null ? undefined : Number(length),
    lengthBytes: bytesIn(headers, "Upload-Length"),
    checksum: checksumIn(headers),
  };
}

/** The method that is meant: proxies that let only GET and POST through are told another in a header. */
function methodOf(request: Request): string {
  const meant = request.headers.get("x-http-method-override");
  return request.method === "POST" && meant !== null ? meant.toUpperCase() : request.method;
}

function refuseOtherVersions(request: Request): void {
  if (request.headers.get("tus-resumable") === tusVersion) return;
  throw new Fault("invalid", "hakmes/tus-version", `Cannot read the request: wanted Tus-Resumable: ${tusVersion}`, {
    status: 412,
  });
}

function wrongType(): Fault {
  return new Fault(
    "invalid",
    "hakmes/tus-type",
    "Cannot take the bytes: wanted Content-Type: application/offset+octet-stream",
    { status: 415 },
  );
}

async function failed(log: Logger, request: Request, method: string, caller: Caller, fault: Fault): Promise<Response> {
  if (fault.status >= 500 && fault.code !== "hakmes/stopping") {
    log[fault.kind === "internal" ? "error" : "warn"]("A request for a resumable upload failed", {
      code: fault.code,
      reason: reasonOf(fault),
      method,
      request: caller.requestId,
    });
  }
  const response = await problemResponse(fault, { method, headers: request.headers }, { requestId: caller.requestId });
  for (const [name, value] of Object.entries(protocolHeaders)) response.headers.set(name, value);
  if (fault.code === "hakmes/tus-version") response.headers.set("Tus-Version", tusVersion);
  return response;
}
