import { describe, expect, test } from "bun:test";
import { join } from "node:path";

import { originalDashboard, originalFlags, readOriginal } from "./original.ts";
import { pictureQuery } from "./picture.ts";
import { relationProblems, shownSections } from "./shown.ts";

const path = join(import.meta.dir, "testdata/original.conf");

describe("original", () => {
  test("readOriginal: the predecessor's sample and its defaults", async () => {
    expect(await readOriginal(await Bun.file(path).text(), path)).toEqual({
      port: "8888",
      mediaFolder: "static",
      graphiteBase: "http://graphite.example/",
      servers: ["behemoth", "frink"],
      apps: ["mvsim"],
    });
    expect(await readOriginal('servers = "a, b,"', "x")).toEqual({
      port: "8888",
      mediaFolder: "static",
      graphiteBase: "",
      servers: ["a", " b"],
      apps: [],
    });
    await expect(readOriginal("port = true\nservers = 3\n", "x.conf")).rejects.toThrow(
      /line 1, port: .*; line 2, servers: /,
    );
  });

  test("originalDashboard: its page, server by server and app by app, a day and a week", async () => {
    const written = originalDashboard(await readOriginal(await Bun.file(path).text(), path));
    expect(relationProblems(written)).toEqual([]);
    const values = { server: ["behemoth", "frink"], app: ["mvsim"] };
    const sections = shownSections(written, { values, chosen: {}, has: () => true });
    expect(sections.map(({ graphs, label }) => `${label}: ${graphs.map(({ name }) => name).join(" ")}`)).toEqual([
      "behemoth: cpu memory disk network cpu_week memory_week disk_week network_week",
      "frink: cpu memory disk network cpu_week memory_week disk_week network_week",
      "Nginx: nginx nginx_week",
      "Riak: riak",
      "mvsim: requests errors times requests_week errors_week times_week",
    ]);
    const [cpu] = sections[1]?.graphs ?? [];
    const week = sections[1]?.graphs[4];
    if (!cpu || !week) throw new Error("There are no such graphs");
    // What the predecessor's page asked its Graphite for, value by value.
    expect(Object.fromEntries(pictureQuery({ ...cpu, title: "" }))).toEqual({
      target: "constantLine(1)",
      _salt: "1369503684.499",
      width: "300",
      height: "100",
      bgcolor: "FFFFFF",
      colorList: "#999999,#006699",
      hideGrid: "true",
      hideLegend: "true",
      hideAxes: "true",
      graphOnly: "true",
      yMin: "0",
      areaMode: "first",
    });
    expect(pictureQuery(cpu).getAll("target")).toEqual(["server.frink.cpu.load_average.1_minute", "constantLine(1)"]);
    const weekly = pictureQuery(week);
    expect(["from", "height", "colorList", "bgcolor"].map((key) => weekly.get(key))).toEqual([
      "-7days",
      "50",
      "#cccccc,#6699cc",
      "#eeeeee",
    ]);
  });

  test("originalFlags: -config, and the port that it names", () => {
    const read = () => 'servers = "a"\nport = "8899"\n';
    expect(originalFlags(["-config", "x.conf"], read)).toEqual(["--original", "x.conf", "--listen", "0.0.0.0:8899"]);
    expect(originalFlags(["-config=x.conf", "--listen", "127.0.0.1:1"], read)).toEqual([
      "--original",
      "x.conf",
      "--listen",
      "127.0.0.1:1",
    ]);
    expect(originalFlags(["--data", "x"], read)).toEqual(["--data", "x"]);
  });
});
