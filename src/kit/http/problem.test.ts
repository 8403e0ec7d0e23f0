/** One mapping from Fault to answer, in three forms. */
import { expect, test } from "bun:test";

import { Fault, faultStatus } from "../fault.ts";
import { problemResponse, statusTitle } from "./problem.ts";

const fault = new Fault("missing", "cask/blob-missing", 'Cannot read "sha1:00": no node has it', {
  details: { asked: 3, status: 299 },
  cause: new Error("ENOENT /secret/path"),
});

function request(accept?: string, method = "GET", headers: Record<string, string> = {}) {
  return { method, headers: new Headers({ ...(accept === undefined ? {} : { accept }), ...headers }) };
}

test("problemResponse: one line of text by default", async () => {
  const response = await problemResponse(fault, request("*/*"), { requestId: "r1" });
  expect(response.status).toBe(404);
  expect(response.headers.get("content-type")).toBe("text/plain; charset=utf-8");
  expect(response.headers.get("x-content-type-options")).toBe("nosniff");
  expect(response.headers.get("cache-control")).toBe("no-store");
  expect(await response.text()).toBe('Cannot read "sha1:00": no node has it\n');
});

test("problemResponse: problem details for programs, the cause never among them", async () => {
  const response = await problemResponse(fault, request("application/json"), { requestId: "r1" });
  expect(response.headers.get("content-type")).toBe("application/problem+json");
  const text = await response.text();
  expect(text).not.toContain("/secret/path");
  expect(JSON.parse(text)).toEqual({
    title: "Not Found",
    status: 404,
    detail: 'Cannot read "sha1:00": no node has it',
    code: "cask/blob-missing",
    requestId: "r1",
    details: { asked: 3, status: 299 },
  });
});

test("problemResponse: a page for browsers if there is a renderer, text if not", async () => {
  const html = (view: { title: string }) => `<h1>${view.title}</h1>`;
  const page = await problemResponse(fault, request("text/html,*/*;q=0.8"), { requestId: "r1", html });
  expect(page.headers.get("content-type")).toBe("text/html; charset=utf-8");
  expect(await page.text()).toBe("<h1>Not Found</h1>");
  const text = await problemResponse(fault, request("text/html"), { requestId: "r1" });
  expect(text.headers.get("content-type")).toBe("text/plain; charset=utf-8");
});

test("problemResponse: HEAD has no body", async () => {
  const response = await problemResponse(fault, request("*/*", "HEAD"), { requestId: "r1" });
  expect(response.body).toBeNull();
});

test("problemResponse: Retry-After rounds up to whole seconds", async () => {
  const busy = new Fault("limited", "warren/busy", "Cannot take more", { retryAfterMs: 1200 });
  const response = await problemResponse(busy, request("application/json"), { requestId: "r" });
  expect(response.headers.get("retry-after")).toBe("2");
  expect(await response.json()).toMatchObject({ retryAfterSeconds: 2 });
});

test("problemResponse: 401 names the ways in, without a dialog in browsers", async () => {
  const locked = new Fault("unauthorized", "warren/token-missing", "Cannot let you in: no token");
  const shell = await problemResponse(locked, request(), { requestId: "r" });
  expect(shell.headers.get("www-authenticate")).toContain("Basic");
  const browser = await problemResponse(locked, request("*/*", "GET", { "sec-fetch-mode": "cors" }), {
    requestId: "r",
  });
  expect(browser.headers.get("www-authenticate")).not.toContain("Basic");
});

test("problemResponse: a status of its own, and a closed connection where the body is unwanted", async () => {
  const slow = new Fault("timeout", "warren/body-slow", "Too slow", { status: 408 });
  const response = await problemResponse(slow, request(), { requestId: "r" });
  expect(response.status).toBe(408);
  expect(response.headers.get("connection")).toBe("close");
});

test("problemResponse: control characters in text are escaped", async () => {
  const nasty = new Fault("invalid", "warren/x", 'Cannot read "\u001b[2J\r\nSet-Cookie"');
  const text = await (await problemResponse(nasty, request(), { requestId: "r" })).text();
  expect(text).toBe('Cannot read "\\u001b[2J\\u000d\\u000aSet-Cookie"\n');
});

test("statusTitle: every kind of Fault has words", () => {
  for (const status of Object.values(faultStatus)) expect(statusTitle(status)).not.toBe("Error");
});
