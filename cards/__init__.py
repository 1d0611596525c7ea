"""What a card is: claims, proof, wire form, status list, programme, periods. Pure rules: no I/O except on given
files.
"""
