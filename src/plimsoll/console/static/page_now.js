// The first page: what is wrong, the load line, the pool now and over time, and who holds connections.

import { Charts } from "./charts.js";
import { Holders } from "./holders.js";
import { LoadLine } from "./load_line.js";
import { PoolNow } from "./pool.js";
import { Problems } from "./problems.js";

export const title = "Now";

export function parts() {
  return [new Problems(), new LoadLine(), new PoolNow(), new Charts(), new Holders()];
}
