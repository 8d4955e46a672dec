// The first page: what is wrong, the load line, the pool now, of each worker and over time, and who holds connections.

import { Charts } from "./charts.js";
import { Holders } from "./holders.js";
import { LoadLine } from "./load_line.js";
import { PoolNow } from "./pool.js";
import { Problems } from "./problems.js";
import { Workers } from "./workers.js";

export const title = "Now";

export function parts() {
  return [new Problems(), new LoadLine(), new PoolNow(), new Workers(), new Charts(), new Holders()];
}
