import { describe, expect, test } from "bun:test";

import { Command } from "commander";

import { section } from "./declaration.ts";
import { address, duration, flag, list, secret } from "./fields.ts";
import { addConfigFlags, parseSetting } from "./flags.ts";
import { loadConfig } from "./load.ts";
import { nodeSection } from "./node.ts";
import { serviceSection } from "./service-section.ts";

const sample = serviceSection(
  section("sample", "A sample", {
    pauseMs: duration({ summary: "Pause.", default: "5s" }),
    readOnly: flag({ summary: "No writes.", default: true }),
    peers: list(address(), { summary: "Peers." }),
    key: secret({ summary: "Key." }),
  }),
  true,
);

function given(...words: string[]) {
  const command = new Command("sample").exitOverride().configureOutput({ writeErr: () => {} });
  const read = addConfigFlags(command, [sample, nodeSection]);
  command.parse(words, { from: "user" });
  return read();
}

describe("addConfigFlags", () => {
  test("addConfigFlags: what is not given is not there", () => {
    expect(given()).toEqual({ file: undefined, flags: [] });
  });

  test("addConfigFlags: values, switches both ways, repeated lists and settings reach the options", async () => {
    const line =
      "--config other.toml --pause 7s --no-read-only --listen 127.0.0.1:5000 --peers a.example:1" +
      " --peers b.example:2,c.example:3 --data /elsewhere --access-log --set node.listen=127.0.0.1:0 --set sample.pause=9s";
    const { file, flags } = given(...line.split(" "));
    expect(file).toBe("other.toml");
    const loaded = await loadConfig({ sections: [nodeSection, sample], flags });
    expect(loaded.problems).toEqual([]);
    const options = loaded.get(sample);
    // The service's own `--listen` hides the node's, which `--set` still reaches.
    expect(options.listen).toEqual({ host: "127.0.0.1", port: 5000 });
    expect([options.pauseMs, options.readOnly, options.peers.length]).toEqual([7000, false, 3]);
    const node = loaded.get(nodeSection);
    expect([node.listen.port, node.data, node.accessLog]).toEqual([0, "/elsewhere", true]);
    expect(loaded.origins.get("sample.read_only")?.from).toBe("flag --no-read-only");
    expect(loaded.origins.get("node.listen")?.from).toBe("flag --set node.listen");
  });

  test("addConfigFlags: what a verb usually has is the weakest word, and checked like any other", async () => {
    const { flags } = given("--set-default", "sample.pause=7s", "--set-default", "sample.read_only=false");
    const file = { path: "warren.toml", text: '[sample]\npause = "8s"\n' };
    const loaded = await loadConfig({ sections: [sample], file, flags });
    expect([loaded.get(sample).pauseMs, loaded.get(sample).readOnly]).toEqual([8000, false]);
    expect(loaded.origins.get("sample.read_only")?.from).toBe("default");
    const wrong = await loadConfig({ sections: [sample], flags: given("--set-default", "sample.pause=soon").flags });
    expect(wrong.problems[0]?.place).toBe("flag --set sample.pause");
  });

  test("addConfigFlags: a secret has a flag for its file only", () => {
    expect(given("--key-file", "/k").flags).toEqual([
      { section: "sample", key: "key_file", text: "/k", shown: "--key-file" },
    ]);
    expect(() => given("--key", "hunter2")).toThrow("unknown option");
  });

  test("parseSetting: anything but section.key=value is reported by loading", async () => {
    expect(parseSetting("sample.peers=a=b.c")).toEqual({
      section: "sample",
      key: "peers",
      text: "a=b.c",
      shown: "--set sample.peers",
    });
    const loaded = await loadConfig({ sections: [nodeSection], flags: [parseSetting("listen=1")] });
    expect(loaded.problems).toEqual([
      { place: "flag --set", key: "", message: "wanted section.key=value, such as node.access_log=true" },
    ]);
  });
});
