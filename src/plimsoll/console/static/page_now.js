// The first page, in the order in which it is needed at night: what is wrong, the load line, the pool now, who holds
// connections; then the pool of each worker and over time.

import { Charts } from "./charts.js";
import { Holders } from "./holders.js";
import { LoadLine } from "./load_line.js";
import { PoolNow } from "./pool.js";
import { Problems } from "./problems.js";
import { Workers } from "./workers.js";

export const title = "Now";

export function parts() {
  return [new Problems(), new LoadLine(), new PoolNow(), new Holders(), new Workers(), new Charts()];
}
