// The shared worker that keeps the connection for all windows.

import { Hub } from "./hub.js";

const hub = new Hub(new URL("../api/supervisor/live", import.meta.url).href);
self.addEventListener("connect", ({ ports: [port] }) => hub.join(port));
