/**
 * Where answers are meant to differ from graphite-web 1.1.8, each with the reason.
 */

import { nowSeconds } from "./points.ts";

/** Targets by what is different about them. */
export const differences: Readonly<Record<string, string>> = {
  "hosts.{web{1,10},db1}.cpu": "Braces may stand in braces; graphite-web reads the path only up to the second one.",
  "group(whole.a,none.such)":
    "A path that begins with a keyword such as none, true or inf is a path; graphite-web takes the keyword and fails.",
  "asPercent(mixed.*)":
    "Series of several steps are given with their common step; graphite-web gives the values of that step with the times of the old one.",
  "delay(hosts.web1.cpu,0)": "A delay of 0 changes nothing; graphite-web's slice to -0 leaves no values.",
  [`timeSlice(hosts.*.cpu,"${nowSeconds - 2000}")`]:
    "Until now is until the request's now; graphite-web reads the machine's clock even when the request says now=.",
  [`verticalLine("${nowSeconds - 2000}")`]:
    "A series without label is called None; graphite-web gives null where clients expect a text.",
  'randomWalkFunction("walk")': "Chance.",
  'randomWalk("walk",120)': "Chance.",
};
