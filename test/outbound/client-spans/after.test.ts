import { defineBeside } from "./beside.ts";

defineBeside("after us");
