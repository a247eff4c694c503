import { defineBeside } from "./client-spans-beside.ts";

defineBeside("before us");
