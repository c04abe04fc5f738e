"""Landing: from the files of the agency to the archive and the raw tables.

`discovery` finds the deliveries, `readers` give their rows as text (`csv_files`,
`statistical_files`, `workbooks`), `inspection` looks whether they were spoilt, `pseudonyms` hides
who answered, `register` writes archive, raw tables and register, and decides on acceptance.
"""
