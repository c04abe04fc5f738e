{{ unpivot_deliveries('swv_ondersteuner') }}
