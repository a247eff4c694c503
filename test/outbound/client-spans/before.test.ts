import { defineBeside } from "./beside.ts";

defineBeside("before us");
