{{ unpivot_deliveries('gemeente_beleid') }}
