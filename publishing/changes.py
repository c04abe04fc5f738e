class Side: pass
